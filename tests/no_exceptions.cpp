// The library without exceptions and without RTTI: it compiles, works over memory, over a directory and over a tar, and a
// failure arrives as a value. Without Catch, which is not made to be compiled so.
#include <lamina/fmt.hpp>
#include <lamina/lamina.hpp>

#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if LAMINA_EXCEPTIONS
#error "this test is to be compiled with -fno-exceptions"
#endif

namespace {

using lamina::errc;

int failures = 0;

void check(bool holds, char const* what) {
    if (!holds) {
        std::printf("failed: %s\n", what);
        ++failures;
    }
}

lamina::result<std::size_t> length_of_child(std::string_view directory, std::string_view name) {
    LAMINA_TRY(auto const parent, lamina::path::parse(std::string(directory)));
    LAMINA_TRY(auto const child, parent.child(name));
    return child.bytes().size();
}

void results() {
    auto const good = length_of_child("etc", "passwd");
    check(good.has_value() && *good == 10, "LAMINA_TRY passes a value on");
    auto const bad = length_of_child("../etc", "passwd");
    check(!bad.has_value() && bad.error() == errc::einval, "LAMINA_TRY passes an error on");
    check(fmt::format("{}", bad.error()) == "parse: EINVAL, invalid argument", "an error prints");
}

// The story of the README over any upper: change, delete, rename, and read back what was done.
template <class Overlay>
lamina::result<void, lamina::path_error> story(Overlay& root) {
    LAMINA_CHECK(root.ready());
    LAMINA_CHECK(root.append("etc/hostname", "sandbox\n"));
    LAMINA_TRY(auto const hostname, root.read("etc/hostname"));
    check(hostname == "debian\nsandbox\n", "a lower file is copied up");
    LAMINA_CHECK(root.remove("etc/motd"));
    auto const gone = root.status("etc/motd");
    check(!gone && gone.error() == errc::enoent, "a removed name is absent");
    LAMINA_CHECK(root.create_directories("var/cache"));
    LAMINA_CHECK(root.write("var/cache/x", std::string(100000, 'x')));
    LAMINA_CHECK(root.rename("var/cache/x", "var/y"));
    LAMINA_TRY(auto const moved, root.status("var/y"));
    check(moved.size == 100000, "a renamed file keeps its bytes");
    LAMINA_TRY(auto const names, root.list("etc"));
    check(names.size() == 1, "a listing is merged");

    LAMINA_TRY(auto const changes, root.changes());
    std::string text;
    for (auto const& change : changes)
        text += fmt::format("{}\n", change);
    check(text == "C etc/hostname\nD etc/motd\nA var\nA var/cache\nA var/y\n", "the changes are told");
    if (failures != 0)
        std::printf("changes:\n%s", text.c_str());
    return {};
}

lamina::result<void, lamina::path_error> fill(auto& tree) {
    LAMINA_CHECK(tree.create_directories("etc"));
    LAMINA_CHECK(tree.write("etc/hostname", "debian\n"));
    LAMINA_CHECK(tree.write("etc/motd", "Welcome\n"));
    return {};
}

lamina::result<void, lamina::path_error> in_memory() {
    lamina::memory_tree image;
    LAMINA_CHECK(fill(image));
    lamina::memory_tree scratch;
    lamina::overlay root{lamina::upper(scratch), lamina::lower(image)};
    LAMINA_CHECK(story(root));

    std::vector<lamina::any_backend> layers;
    layers.emplace_back(image.clone());
    lamina::overlay erased{lamina::upper(lamina::memory_tree()), lamina::lower(std::move(layers))};
    LAMINA_CHECK(story(erased));
    return {};
}

lamina::result<void, lamina::path_error> in_directories() {
    char name[] = "/tmp/lamina-no-exceptions.XXXXXX";
    if (::mkdtemp(name) == nullptr)
        return lamina::unexpected(lamina::path_error(errc::eio, name));
    LAMINA_TRY(auto base, lamina::posix_directory::open(name));
    for (auto const* const part : {"image", "upper", "work"}) {
        auto const path = lamina::path::parse(part);
        LAMINA_CHECK(base.create_directory(*path));
    }
    auto const open = [&](char const* part) { return lamina::posix_directory::open(std::string(name) + '/' + part); };
    {
        LAMINA_TRY(auto image, open("image"));
        LAMINA_TRY(auto changes, open("upper"));
        LAMINA_TRY(auto work, open("work"));
        LAMINA_CHECK(fill(image));
        lamina::overlay root{lamina::upper(changes, work), lamina::lower(image)};
        LAMINA_CHECK(story(root));
    }
    for (auto const* const part : {"image", "upper", "work"}) {
        auto const path = lamina::path::parse(part);
        LAMINA_CHECK(base.remove_all(*path));
    }
    check(std::remove(name) == 0, "the directory is removed");
    return {};
}

void over_a_damaged_tar() {
    std::string const bytes(1000, '\x7f');
    auto const layer = lamina::tar_layer::open(lamina::memory_source(std::as_bytes(std::span(bytes))));
    check(!layer.has_value(), "what is no tar is an error");
}

}  // namespace

int main() {
    results();
    for (auto const part : {&in_memory, &in_directories})
        if (auto const done = part(); !done) {
            std::printf("failed: %s\n", fmt::format("{}", done.error()).c_str());
            ++failures;
        }
    over_a_damaged_tar();
    return failures == 0 ? 0 : 1;
}
