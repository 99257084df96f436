// What a layer says of a name and of a directory, in whatever format it says it: written once, for lookup, listing,
// changes, and for whatever else reads layers. These functions only read. They take no locks.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <lamina/backend/concepts.hpp>
#include <lamina/whiteout/marks.hpp>

namespace lamina {

// Marks of one directory in one layer.
struct directory_marks {
    bool opaque = false;            // nothing below it shows through
    bool xattr_whiteouts = false;   // empty files in it may be whiteouts
    bool impure = false;            // something in it has a mark of its origin
    std::optional<std::string> redirect;  // judged by mark::read_redirect
};

// Reads them. The empty name of `at` means `dir` itself. Errors: einval and eacces for a redirect that the kernel
// refuses too.
template <readable_backend B>
[[nodiscard]] result<directory_marks> read_directory_marks(B& backend, node dir, mark_style style) {
    directory_marks found;
    if (style.has_aufs()) {
        LAMINA_TRY(auto const opaque, backend.lookup(dir, mark::aufs_opaque));
        found.opaque = opaque.has_value();
    }
    if (!style.has_kernels())
        return found;
    // One call in the usual case, a directory without any mark, in place of one for each mark.
    LAMINA_TRY(auto const keys, backend.list_xattrs_at(dir, name_ref{}));
    auto const opaque_key = mark::key(style.space, mark::opaque);
    auto const redirect_key = mark::key(style.space, mark::redirect);
    auto const impure_key = mark::key(style.space, mark::impure);
    for (auto const& key : keys) {
        if (key == opaque_key) {
            LAMINA_TRY(auto const value, backend.get_xattr_at(dir, name_ref{}, key));
            found.opaque = found.opaque || value == "y";
            found.xattr_whiteouts = value == "x";
        } else if (key == impure_key) {
            found.impure = true;
        } else if (key == redirect_key) {
            LAMINA_TRY(auto const value, backend.get_xattr_at(dir, name_ref{}, key));
            if (value) {
                LAMINA_TRY(found.redirect, mark::read_redirect(*value));
            }
        }
    }
    return found;
}

// Whether an entry of known attributes is a whiteout of its own name (kernel forms; aufs writes them under another
// name).
template <readable_backend B>
[[nodiscard]] result<bool> is_whiteout(B& backend, node dir, name_ref name, attributes const& a, mark_style style,
                                       bool xattr_whiteouts) {
    if (!style.has_kernels())
        return false;
    if (mark::is_whiteout_device(a))
        return true;
    if (!xattr_whiteouts || !a.is_regular() || a.size != 0)
        return false;
    LAMINA_TRY(auto const value, backend.get_xattr_at(dir, name, mark::key(style.space, mark::whiteout)));
    return value.has_value();
}

// What one layer says of one name.
struct finding {
    enum class verdict : std::uint8_t { absent, whiteout, present } what = verdict::absent;
    bool hides_below = false;  // with present: a whiteout of the same name lies beside it, so nothing below is merged
    attributes found;
};

template <readable_backend B>
[[nodiscard]] result<finding> find_in_layer(B& backend, node dir, name_ref name, mark_style style, bool xattr_whiteouts) {
    using verdict = finding::verdict;
    if (!style.has_aufs()) {
        LAMINA_TRY(auto const found, backend.lookup(dir, name));
        if (!found)
            return finding{};
        LAMINA_TRY(bool const gone, is_whiteout(backend, dir, name, *found, style, xattr_whiteouts));
        return finding{gone ? verdict::whiteout : verdict::present, false, *found};
    }
    if (name.text.starts_with(mark::aufs_prefix))
        return finding{};
    LAMINA_TRY(auto const found, backend.lookup(dir, name));
    if (found) {
        LAMINA_TRY(bool const gone, is_whiteout(backend, dir, name, *found, style, xattr_whiteouts));
        if (gone)
            return finding{verdict::whiteout, true, *found};
    }
    // Only a directory is merged with what lies below, so only there does a whiteout beside it change anything.
    if (found && !found->is_directory())
        return finding{verdict::present, true, *found};
    bool hidden = false;
    if (name.text.size() + mark::aufs_prefix.size() <= name_max) {
        std::string const whiteout_name = std::string(mark::aufs_prefix).append(name.text);
        LAMINA_TRY(auto const whiteout, backend.lookup(dir, whiteout_name));
        hidden = whiteout.has_value();
    }
    if (found)
        return finding{verdict::present, hidden, *found};
    return finding{hidden ? verdict::whiteout : verdict::absent, hidden, {}};
}

// One entry of a layer's directory, as its format means it.
struct layer_entry {
    directory_entry entry;  // with `whiteout`: the name that is deleted
    bool whiteout = false;
};

// Calls `sink(layer_entry const&) -> bool` (false ends it) for every name that the directory shows or deletes. Names
// that are only bookkeeping are left out. Where the backend does not tell a type that decides, it is looked up.
template <readable_backend B, class Sink>
[[nodiscard]] result<void> list_layer(B& backend, node dir, mark_style style, bool xattr_whiteouts, Sink&& sink) {
    std::optional<error> failed;
    auto const take = [&](directory_entry const& entry) -> bool {
        if (style.has_aufs()) {
            auto const meaning = mark::read_aufs(entry.name);
            switch (meaning.meaning) {
            case mark::aufs_meaning::ordinary: break;
            case mark::aufs_meaning::hides: return sink(layer_entry{{meaning.hidden, file_type::unknown, 0}, true});
            case mark::aufs_meaning::opaque_directory:
            case mark::aufs_meaning::internal: return true;
            }
        }
        bool const doubtful = entry.type == file_type::unknown || entry.type == file_type::character ||
                              (xattr_whiteouts && entry.type == file_type::regular);
        if (!style.has_kernels() || !doubtful)
            return sink(layer_entry{entry, false});
        name_ref const name{entry.name};
        auto const found = backend.lookup(dir, name);
        if (!found) {
            failed = found.error();
            return false;
        }
        if (!*found)
            return true;  // gone since it was listed
        auto const gone = is_whiteout(backend, dir, name, **found, style, xattr_whiteouts);
        if (!gone.has_value()) {
            failed = gone.error();
            return false;
        }
        return sink(layer_entry{{entry.name, (*found)->type, entry.inode}, *gone});
    };
    LAMINA_CHECK(backend.list_at(dir, entry_sink(take)));
    if (failed)
        return unexpected(*failed);
    return {};
}

}  // namespace lamina
