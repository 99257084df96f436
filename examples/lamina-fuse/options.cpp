#include "options.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>
#include <utility>

namespace lamina_fuse {

namespace {

// What mount(2), libfuse or fusermount3 take as it is, and which of them say the opposite of one another.
struct generic_flag {
    std::string_view name;
    std::string_view opposite;  // empty: it has none
};
constexpr generic_flag generic_flags[] = {
    {"suid", "nosuid"},       {"nosuid", "suid"},         {"dev", "nodev"},          {"nodev", "dev"},
    {"exec", "noexec"},       {"noexec", "exec"},         {"atime", "noatime"},      {"noatime", "atime"},
    {"sync", "async"},        {"async", "sync"},
    {"dirsync", ""},          {"allow_other", ""},        {"allow_root", ""},        {"default_permissions", ""},
    {"auto_unmount", ""},
};

// Understood by mount(8), by libfuse or by fuse-overlayfs, and without a meaning for this program: a mount from fstab, a
// script for another driver, a tuning of threads that are not there.
constexpr std::string_view without_effect[] = {
    "diratime",   "nodiratime",   // libfuse has no word for them, and noatime means both
    "defaults",   "auto",         "noauto",     "user",       "nouser",    "users",      "owner",      "group",
    "nofail",     "_netdev",      "relatime",   "norelatime", "strictatime", "nostrictatime", "lazytime", "nolazytime",
    "iversion",   "noiversion",   "mand",       "nomand",     "silent",    "loud",       "symfollow",  "nosymfollow",
    "clone_fd",   "nonempty",     "hard_remove", "big_writes", "splice_read", "splice_write", "splice_move",
    "kernel_cache", "auto_cache", "large_read", "intr",       "use_ino",   "readdir_ino", "noforget",  "direct_io",
    "no_splice_read", "no_splice_write", "no_splice_move", "async_read", "sync_read", "no_remote_lock", "nfs_export",
};
constexpr std::string_view valued_without_effect[] = {
    "comment",     "max_idle_threads", "max_threads", "max_read",   "max_write", "max_readahead", "max_background",
    "congestion_threshold", "umask",   "subtype",     "nfs_export", "uuid",      "fast_ino",      "threaded",
};

bool contains(std::span<std::string_view const> words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
    Number value{};
    auto const [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::optional<bool> parse_switch(std::string_view text) {
    if (text == "1" || text == "on" || text == "true" || text == "yes")
        return true;
    if (text == "0" || text == "off" || text == "false" || text == "no")
        return false;
    return std::nullopt;
}

template <class E>
struct word {
    std::string_view text;
    E value;
};
template <class E, std::size_t N>
std::optional<E> parse_word(word<E> const (&words)[N], std::string_view text) {
    for (auto const& w : words)
        if (w.text == text)
            return w.value;
    return std::nullopt;
}

std::string quoted(std::string_view text) {
    std::string shown = "'";
    for (char const c : text.substr(0, 200))
        shown += static_cast<unsigned char>(c) < ' ' ? '?' : c;
    return shown.append(text.size() > 200 ? "...'" : "'");
}

// One reading of a command line. The first mistake ends it.
class reader {
public:
    parsed read(std::span<char const* const> arguments) {
        for (std::size_t i = 0; i < arguments.size() && error_.empty(); ++i) {
            std::string_view const argument = arguments[i];
            if (operands_only_ || argument.size() < 2 || argument.front() != '-') {
                operands_.emplace_back(argument);
            } else if (argument == "--") {
                operands_only_ = true;
            } else if (argument == "-o") {
                if (++i == arguments.size())
                    error_ = "-o needs options after it";
                else
                    take_list(arguments[i]);
            } else if (argument.starts_with("-o")) {
                take_list(argument.substr(2));
            } else if (argument.starts_with("--")) {
                take_long(argument.substr(2));
            } else {
                take_letters(argument.substr(1));
            }
        }
        if (error_.empty())
            conclude();
        if (!error_.empty())
            return {std::nullopt, std::move(error_)};
        return {std::move(made_), {}};
    }

private:
    void take_letters(std::string_view letters) {
        for (char const letter : letters) {
            switch (letter) {
            case 'f': made_.foreground = true; break;
            case 'd': made_.debug = made_.foreground = true; break;
            case 's': made_.workers = 1; break;
            case 'h': made_.help = true; break;
            case 'V': made_.version = true; break;
            case 'v':   // mount(8) hands these four to its helpers
            case 'n':
            case 'r':
            case 'w':
                if (letter == 'r')
                    made_.read_only = true;
                break;
            default: error_ = "unknown option " + quoted("-" + std::string(1, letter)); return;
            }
        }
    }
    // As `-o`, but for the four that are no mount options.
    void take_long(std::string_view text) {
        if (text == "help")
            made_.help = true;
        else if (text == "version")
            made_.version = true;
        else if (text == "debug")
            made_.debug = made_.foreground = true;
        else if (text == "foreground")
            made_.foreground = true;
        else if (text == "threaded")
            return;
        else
            take(text);
    }
    void take_list(std::string_view list) {
        for (auto const option : split(list, ',', true)) {
            if (!error_.empty())
                return;
            if (!option.empty())
                take(option);
        }
    }
    void take(std::string_view option) {
        auto const equals = option.find('=');
        if (equals == std::string_view::npos)
            take_flag(option);
        else
            take_valued(option.substr(0, equals), option.substr(equals + 1));
    }

    void take_flag(std::string_view name) {
        if (name == "ro" || name == "rw")
            made_.read_only = name == "ro";
        else if (name == "debug")
            made_.debug = made_.foreground = true;
        else if (name == "volatile")
            made_.sync = false;
        else if (name == "noxattrs" || name == "noxattr")
            made_.xattrs = false;
        else if (name == "noacl")
            made_.acls = false;
        else if (name == "acl")
            made_.acls = true;
        else if (name == "static_nlink")
            made_.static_nlink = true;
        else if (name == "squash_to_root")
            squash_to_root_ = true;
        else if (name == "userxattr")
            made_.user_xattrs = true;
        else if (name == "passthrough")
            made_.passthrough = true;
        else if (name == "blocks")
            made_.blocks = lamina::block_copies::on;
        else if (name == "io_uring")
            made_.io_uring = true;
        else if (name == "writeback_cache")
            made_.writeback = true;
        else if (!take_generic(name) && !contains(without_effect, name) && !name.starts_with("x-") &&
                 !name.starts_with("X-"))
            error_ = is_valued(name) ? "option " + quoted(name) + " needs a value"
                                     : "unknown option " + quoted(name);
    }
    bool take_generic(std::string_view name) {
        for (auto const& flag : generic_flags) {
            if (flag.name != name)
                continue;
            std::erase(made_.generic, flag.name);
            if (!flag.opposite.empty())
                std::erase(made_.generic, flag.opposite);
            made_.generic.emplace_back(name);
            return true;
        }
        return false;
    }

    [[nodiscard]] static bool is_valued(std::string_view name) {
        constexpr std::string_view names[] = {
            "lowerdir", "upperdir", "workdir", "uidmapping", "gidmapping", "squash_to_uid", "squash_to_gid",
            "xattr_permissions", "fsync", "writeback", "timeout", "xino", "redirect_dir", "metacopy", "index", "verity",
            "fsname", "workers", "context", "fscontext", "defcontext", "rootcontext"};
        return contains(names, name) || contains(valued_without_effect, name);
    }

    void take_valued(std::string_view name, std::string_view text) {
        if (name.starts_with("x-") || name.starts_with("X-"))
            return;
        if (name == "plugins") {
            error_ = "plugins are not supported";
            return;
        }
        auto const value = unescape(text);
        if (auto const [earlier, first] = values_.emplace(name, text); !first) {
            if (earlier->second != text)
                error_ = "option " + quoted(name) + " is given twice, as " + quoted(earlier->second) + " and as " +
                         quoted(text);
            return;
        }
        if (name == "lowerdir")
            take_lowers(text);
        else if (name == "upperdir")
            take_path(name, value, made_.upper);
        else if (name == "workdir")
            take_path(name, value, made_.work);
        else if (name == "uidmapping")
            take_mapping(name, text, made_.users);
        else if (name == "gidmapping")
            take_mapping(name, text, made_.groups);
        else if (name == "squash_to_uid")
            take_id(name, text, made_.squash_user);
        else if (name == "squash_to_gid")
            take_id(name, text, made_.squash_group);
        else if (name == "timeout")
            take_timeout(text);
        else if (name == "workers")
            take_workers(text);
        else if (name == "fsname")
            made_.name = value;
        else if (name == "context" || name == "fscontext" || name == "defcontext" || name == "rootcontext")
            made_.labels.emplace_back(std::string(name) + '=' + std::string(text));
        else if (!take_switch(name, text) && !take_choice(name, text) && !contains(valued_without_effect, name))
            error_ = "unknown option " + quoted(name);
    }

    // Whether `name` is an option of this kind; a wrong value is an error_.
    bool take_switch(std::string_view name, std::string_view text) {
        struct {
            std::string_view name;
            bool options::*member;
            bool inverted;
        } const switches[] = {
            {"fsync", &options::sync, false},           {"volatile", &options::sync, true},
            {"noxattrs", &options::xattrs, true},       {"noacl", &options::acls, true},
            {"static_nlink", &options::static_nlink, false}, {"passthrough", &options::passthrough, false},
            {"io_uring", &options::io_uring, false},
        };
        for (auto const& s : switches) {
            if (s.name != name)
                continue;
            if (auto const on = parse_switch(text))
                made_.*s.member = *on != s.inverted;
            else
                refuse(name, text, "0 or 1");
            return true;
        }
        if (name != "threaded" && name != "fast_ino" && name != "writeback")
            return false;
        auto const on = parse_switch(text);
        if (!on)
            refuse(name, text, "0 or 1");
        else if (name == "writeback")
            made_.writeback = *on;
        else if (name == "threaded" && !*on)
            made_.workers = 1;
        return true;
    }
    bool take_choice(std::string_view name, std::string_view text) {
        using lamina::block_copies, lamina::indexing, lamina::metacopies, lamina::redirects, lamina::verification;
        static constexpr word<redirects> redirect_words[] = {{"on", redirects::on},
                                                             {"off", redirects::follow},
                                                             {"follow", redirects::follow},
                                                             {"nofollow", redirects::refuse}};
        static constexpr word<metacopies> metacopy_words[] = {{"on", metacopies::on}, {"off", metacopies::follow}};
        static constexpr word<indexing> index_words[] = {{"on", indexing::on}, {"off", indexing::off}};
        static constexpr word<verification> verity_words[] = {
            {"on", verification::automatic}, {"off", verification::off}, {"require", verification::require}};
        static constexpr word<block_copies> blocks_words[] = {
            {"1", block_copies::on}, {"on", block_copies::on}, {"0", block_copies::off}, {"off", block_copies::off}};
        static constexpr word<recorded_permissions> recorded_words[] = {{"0", recorded_permissions::off},
                                                                        {"1", recorded_permissions::privileged},
                                                                        {"2", recorded_permissions::user}};
        static constexpr word<bool> xino_words[] = {{"on", true}, {"auto", true}, {"off", false}};
        if (name == "redirect_dir")
            choose(redirect_words, name, text, "on, off, follow or nofollow", made_.redirect);
        else if (name == "metacopy")
            choose(metacopy_words, name, text, "on or off", made_.metacopy);
        else if (name == "index")
            choose(index_words, name, text, "on or off", made_.index);
        else if (name == "verity")
            choose(verity_words, name, text, "on, off or require", made_.verify);
        else if (name == "blocks")
            choose(blocks_words, name, text, "0 or 1", made_.blocks);
        else if (name == "xattr_permissions")
            choose(recorded_words, name, text, "0, 1 or 2", made_.recorded);
        else if (bool ignored = false; name == "xino")  // inode numbers are unique here in any case
            choose(xino_words, name, text, "on, off or auto", ignored);
        else
            return false;
        return true;
    }
    template <class E, std::size_t N>
    void choose(word<E> const (&words)[N], std::string_view name, std::string_view text, std::string_view expected,
                E& into) {
        if (auto const found = parse_word(words, text))
            into = *found;
        else
            refuse(name, text, expected);
    }

    void take_lowers(std::string_view text) {
        if (text.empty()) {
            error_ = "lowerdir is empty";
            return;
        }
        for (auto const part : split(text, ':')) {
            if (part.empty()) {
                error_ = "lowerdir names an empty path: " + quoted(text);
                return;
            }
            // What lies below itself shows nothing more.
            if (auto path = unescape(part);
                std::find(made_.lowers.begin(), made_.lowers.end(), path) == made_.lowers.end())
                made_.lowers.push_back(std::move(path));
        }
    }
    void take_path(std::string_view name, std::string const& value, std::optional<std::string>& into) {
        if (value.empty())
            error_ = std::string(name) + " is empty";
        else
            into = value;
    }
    void take_mapping(std::string_view name, std::string_view text, std::optional<lamina::id_map>& into) {
        into = parse_mapping(text);
        if (!into)
            refuse(name, text, "host:container:size, once or more, in ranges that do not overlap");
    }
    void take_id(std::string_view name, std::string_view text, std::optional<std::uint32_t>& into) {
        into = parse_number<std::uint32_t>(text);
        if (!into || *into == 0xffffffff)
            refuse(name, text, "a number below 4294967295");
    }
    void take_timeout(std::string_view text) {
        std::string const terminated(text);
        char* end = nullptr;
        double const seconds = std::strtod(terminated.c_str(), &end);
        if (text.empty() || *end != '\0' || !std::isfinite(seconds) || seconds < 0)
            refuse("timeout", text, "seconds");
        else
            made_.timeout = seconds;
    }
    void take_workers(std::string_view text) {
        auto const count = parse_number<unsigned>(text);
        if (!count || *count > 1024)
            refuse("workers", text, "a number of threads, at most 1024");
        else
            made_.workers = *count;
    }
    void refuse(std::string_view name, std::string_view text, std::string_view expected) {
        error_ = "option " + quoted(name) + " has the value " + quoted(text) + ", and not " + std::string(expected);
    }

    // What only the whole line can tell.
    void conclude() {
        if (made_.help || made_.version)
            return;
        if (operands_.empty())
            error_ = "no mount point is given";
        else if (operands_.size() > 2)
            error_ = "more than a source and a mount point are given: " + quoted(operands_[2]);
        else if (made_.lowers.empty())
            error_ = "no lowerdir is given";
        else if (made_.upper && !made_.work)
            error_ = "upperdir is given, and no workdir";
        else if (made_.work && !made_.upper)
            made_.work.reset();  // as the kernel: it has nothing to do
        if (!error_.empty())
            return;
        made_.mountpoint = operands_.back();
        if (operands_.size() == 2)
            made_.source = operands_.front();
        if (made_.mountpoint.empty())
            error_ = "the mount point is empty";
        if (!made_.upper)
            made_.read_only = true;
        if (squash_to_root_) {
            made_.squash_user = made_.squash_user.value_or(0);
            made_.squash_group = made_.squash_group.value_or(0);
        }
        if (!made_.xattrs && made_.recorded != recorded_permissions::off)
            error_ = "noxattrs and xattr_permissions contradict each other";
        if (has_generic("allow_other") && has_generic("allow_root"))
            error_ = "allow_other and allow_root contradict each other";
    }
    [[nodiscard]] bool has_generic(std::string_view name) const {
        return std::find(made_.generic.begin(), made_.generic.end(), name) != made_.generic.end();
    }

    options made_;
    std::string error_;
    std::vector<std::string> operands_;
    std::map<std::string, std::string, std::less<>> values_;  // as they were given
    bool operands_only_ = false;
    bool squash_to_root_ = false;
};

}  // namespace

std::vector<std::string_view> split(std::string_view text, char separator, bool quotes) {
    std::vector<std::string_view> parts;
    std::size_t start = 0;
    bool within = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\')
            ++i;
        else if (quotes && text[i] == '"')
            within = !within;
        else if (text[i] == separator && !within) {
            parts.push_back(text.substr(start, i - start));
            start = i + 1;
        }
    }
    parts.push_back(text.substr(start));
    return parts;
}

std::string unescape(std::string_view text) {
    auto const octal = [&](std::size_t at, char last) { return at < text.size() && text[at] >= '0' && text[at] <= last; };
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            plain += text[i];
        } else if (octal(i + 1, '3') && octal(i + 2, '7') && octal(i + 3, '7')) {
            plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
            i += 3;
        } else {
            plain += text[++i];
        }
    }
    return plain;
}

std::optional<lamina::id_map> parse_mapping(std::string_view text) {
    std::vector<std::uint32_t> numbers;
    for (auto const part : split(text, ':')) {
        if (part.empty())
            continue;  // before a leading colon, and between two
        auto const number = parse_number<std::uint32_t>(part);
        if (!number)
            return std::nullopt;
        numbers.push_back(*number);
    }
    if (numbers.empty() || numbers.size() % 3 != 0)
        return std::nullopt;
    std::vector<lamina::id_range> ranges;
    for (std::size_t i = 0; i < numbers.size(); i += 3)
        ranges.push_back({.inside = numbers[i + 1], .outside = numbers[i], .count = numbers[i + 2]});
    auto made = lamina::id_map::of(std::move(ranges));
    if (!made)
        return std::nullopt;
    return *std::move(made);
}

parsed parse(std::span<char const* const> arguments) { return reader().read(arguments); }

}  // namespace lamina_fuse
