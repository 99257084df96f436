// What went wrong, in eight bytes: an errno, the operation, and the layer. No path and no allocation, so that a failure
// on a hot path (a name that is missing in ten layers) costs nanoseconds. `path_error` adds the path where a caller
// could not know it: in operations over a whole tree.
#pragma once

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace lamina {

// The errno of Linux as a type. Named by its mnemonic, in lower case because the upper-case ones are macros; any other
// errno value is a valid value too.
enum class errc : std::int32_t {
    ok = 0,
    eperm = EPERM,
    enoent = ENOENT,
    eintr = EINTR,
    eio = EIO,
    enxio = ENXIO,
    e2big = E2BIG,
    ebadf = EBADF,
    eagain = EAGAIN,
    enomem = ENOMEM,
    eacces = EACCES,
    ebusy = EBUSY,
    eexist = EEXIST,
    exdev = EXDEV,
    enodev = ENODEV,
    enotdir = ENOTDIR,
    eisdir = EISDIR,
    einval = EINVAL,
    enfile = ENFILE,
    emfile = EMFILE,
    etxtbsy = ETXTBSY,
    efbig = EFBIG,
    enospc = ENOSPC,
    erofs = EROFS,
    emlink = EMLINK,
    erange = ERANGE,
    enametoolong = ENAMETOOLONG,
    enosys = ENOSYS,
    enotempty = ENOTEMPTY,
    eloop = ELOOP,
    enodata = ENODATA,
    eoverflow = EOVERFLOW,
    ebadmsg = EBADMSG,
    eopnotsupp = EOPNOTSUPP,
    estale = ESTALE,
    edquot = EDQUOT,
};

// The operation that failed, as the caller named it.
enum class operation : std::uint8_t {
    none,
    parse,
    mount,
    lookup,
    list,
    open,
    read,
    write,
    resize,
    allocate,
    sync,
    create,
    create_directory,
    create_symlink,
    create_node,
    link,
    rename,
    remove,
    remove_directory,
    read_symlink,
    set_mode,
    set_owner,
    set_times,
    get_xattr,
    list_xattrs,
    set_xattr,
    remove_xattr,
    get_flags,
    set_flags,
    copy_up,
    recover,
    space,
};

// Layers are numbered from the top: 0 is the upper, 1 the topmost lower.
using layer_number = std::uint16_t;
inline constexpr layer_number no_layer = 0xffff;

struct error {
    errc code{};
    operation op{};
    std::uint8_t reserved{};
    layer_number layer = no_layer;

    constexpr error() = default;
    constexpr error(errc c, operation o = operation::none, layer_number l = no_layer) noexcept : code(c), op(o), layer(l) {}

    // The same failure seen from one layer further out. An inner layer's number stays: it is the more exact one.
    [[nodiscard]] constexpr error in_layer(layer_number l) const noexcept {
        return layer == no_layer ? error{code, op, l} : *this;
    }
    [[nodiscard]] constexpr error during(operation o) const noexcept { return error{code, o, layer}; }

    friend constexpr bool operator==(error a, error b) noexcept = default;
    friend constexpr bool operator==(error a, errc b) noexcept { return a.code == b; }
};
static_assert(sizeof(error) == 8);

// An error and the path, inside the tree, of the object that it befell.
struct path_error {
    error what;
    std::string path;

    path_error(error e, std::string p = {}) : what(e), path(std::move(p)) {}
    path_error(errc c) : what(c) {}
    operator error() const noexcept { return what; }
    friend bool operator==(path_error const& a, errc b) noexcept { return a.what.code == b; }
};

namespace detail {

struct errno_text {
    errc code;
    std::string_view mnemonic;
    std::string_view sentence;
};

inline constexpr errno_text errno_texts[] = {
    {errc::ok, "OK", "success"},
    {errc::eperm, "EPERM", "operation not permitted"},
    {errc::enoent, "ENOENT", "no such file or directory"},
    {errc::eintr, "EINTR", "interrupted"},
    {errc::eio, "EIO", "input/output error"},
    {errc::enxio, "ENXIO", "no such device or address"},
    {errc::e2big, "E2BIG", "value too large"},
    {errc::ebadf, "EBADF", "handle not open for this"},
    {errc::eagain, "EAGAIN", "try again"},
    {errc::enomem, "ENOMEM", "out of memory"},
    {errc::eacces, "EACCES", "permission denied"},
    {errc::ebusy, "EBUSY", "busy"},
    {errc::eexist, "EEXIST", "exists already"},
    {errc::exdev, "EXDEV", "crosses file systems or layers"},
    {errc::enodev, "ENODEV", "no such device"},
    {errc::enotdir, "ENOTDIR", "not a directory"},
    {errc::eisdir, "EISDIR", "is a directory"},
    {errc::einval, "EINVAL", "invalid argument"},
    {errc::enfile, "ENFILE", "too many open files on the system"},
    {errc::emfile, "EMFILE", "too many open files"},
    {errc::etxtbsy, "ETXTBSY", "program is running"},
    {errc::efbig, "EFBIG", "file too large"},
    {errc::enospc, "ENOSPC", "no space left"},
    {errc::erofs, "EROFS", "read-only"},
    {errc::emlink, "EMLINK", "too many links"},
    {errc::erange, "ERANGE", "out of range"},
    {errc::enametoolong, "ENAMETOOLONG", "name too long"},
    {errc::enosys, "ENOSYS", "not implemented"},
    {errc::enotempty, "ENOTEMPTY", "directory not empty"},
    {errc::eloop, "ELOOP", "too many symbolic links"},
    {errc::enodata, "ENODATA", "no such attribute"},
    {errc::eoverflow, "EOVERFLOW", "value does not fit"},
    {errc::ebadmsg, "EBADMSG", "damaged"},
    {errc::eopnotsupp, "EOPNOTSUPP", "not supported"},
    {errc::estale, "ESTALE", "changed underneath"},
    {errc::edquot, "EDQUOT", "quota exceeded"},
};

inline constexpr std::string_view operation_names[] = {
    "",       "parse",        "mount",     "lookup",    "list",        "open",      "read",
    "write",  "resize",       "allocate",  "sync",      "create",      "create_directory",
    "create_symlink",         "create_node",            "link",        "rename",    "remove",    "remove_directory",
    "read_symlink",           "set_mode",  "set_owner", "set_times",   "get_xattr", "list_xattrs",
    "set_xattr",              "remove_xattr",           "get_flags",   "set_flags", "copy_up",   "recover",
    "space",
};
static_assert(sizeof(operation_names) / sizeof(operation_names[0]) == static_cast<unsigned>(operation::space) + 1);

}  // namespace detail

// "ENOENT"; empty for a value that this table does not know.
[[nodiscard]] constexpr std::string_view mnemonic(errc code) noexcept {
    for (auto const& text : detail::errno_texts)
        if (text.code == code)
            return text.mnemonic;
    return {};
}

// "no such file or directory"; empty for a value that this table does not know.
[[nodiscard]] constexpr std::string_view sentence(errc code) noexcept {
    for (auto const& text : detail::errno_texts)
        if (text.code == code)
            return text.sentence;
    return {};
}

[[nodiscard]] constexpr std::string_view name(operation op) noexcept {
    return detail::operation_names[static_cast<std::uint8_t>(op)];
}

// One line for people: "rename: EXDEV, crosses file systems or layers (layer 3)".
[[nodiscard]] inline std::string to_string(error e) {
    std::string text;
    if (e.op != operation::none)
        text.append(name(e.op)).append(": ");
    if (auto const known = mnemonic(e.code); !known.empty())
        text.append(known).append(", ").append(sentence(e.code));
    else
        text.append("errno ").append(std::to_string(static_cast<int>(e.code)));
    if (e.layer == 0)
        text.append(" (upper)");
    else if (e.layer != no_layer)
        text.append(" (layer ").append(std::to_string(e.layer)).append(")");
    return text;
}

[[nodiscard]] inline std::string to_string(path_error const& e) {
    return e.path.empty() ? to_string(e.what) : e.path + ": " + to_string(e.what);
}

}  // namespace lamina
