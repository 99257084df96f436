// A backend that nobody can change through this adaptor: what would change it is refused, with the error that a
// read-only mount gives. The primitives for writing stay declared where the wrapped backend has them, so that what
// compiles over it compiles over this; `able()` says that it cannot write.
//
// Concurrency: no state of its own.
#pragma once

#include <type_traits>
#include <utility>

#include <lamina/backend/adapt/forward.hpp>
#include <lamina/backend/fwd.hpp>

namespace lamina {

namespace detail {

struct refuses_changes {
    static constexpr bool wraps_files = true;  // a handle for reading can change mode, owner, times and xattrs
    static constexpr bool names_files = false;
    static constexpr bool lets_data_pass = true;  // no handle is open for writing

    template <class Target, class F>
    auto around(Target& target, call const& c, F& perform) -> answer_of<F> {
        if constexpr (readable_backend<Target>) {
            if (c.mutates() || (c.what == primitive::open_at && wants_write(c.opening)))
                return fail(refusal(target, c), c.op());
        } else {
            switch (c.what) {
            case primitive::write_at:
            case primitive::append:
            case primitive::copy_range_from:
            case primitive::clone_from:
            case primitive::allocate:
            case primitive::file_resize: return fail(errc::ebadf, c.op());  // no handle was opened for writing
            default:
                if (c.mutates())
                    return fail(errc::erofs, c.op());
            }
        }
        return perform(c);
    }

private:
    // What is wrong apart from the attempt to write, where Linux finds that first.
    template <class B>
    [[nodiscard]] static errc refusal(B& backend, call const& c) {
        bool const opens = c.what == primitive::open_at;
        bool const creates = c.what == primitive::create_at || c.what == primitive::create_directory_at ||
                             c.what == primitive::create_symlink_at || c.what == primitive::create_node_at;
        if (!opens && !creates)
            return errc::erofs;
        auto const found = backend.lookup(c.directory, c.name);
        if (creates)
            return found && *found ? errc::eexist : errc::erofs;
        if (!found)
            return found.error().code;
        if (!*found)
            return errc::enoent;
        switch ((*found)->type) {
        case file_type::regular: return errc::erofs;
        case file_type::directory: return errc::eisdir;
        case file_type::symlink: return errc::eloop;
        default: return errc::enxio;
        }
    }
};

}  // namespace detail

//     lamina::read_only image{tree};
// Errors of what would change something: erofs; eexist for making what exists, enoent, eisdir, eloop and enxio for
// opening to write what is missing or no regular file.
template <class B>
class read_only : public forwarding<read_only<B>, held<B>, detail::refuses_changes> {
    using base = forwarding<read_only<B>, held<B>, detail::refuses_changes>;

public:
    explicit read_only(B&& backend) : base(held<B>(std::forward<B>(backend))) {}

    [[nodiscard]] capabilities able() const { return base::able().without(capability::write); }
    // A work area is there to be written to.
    [[nodiscard]] node work_root() const = delete;
    // It would make files to see whether it can.
    [[nodiscard]] result<void> probe(node scratch) = delete;
};

template <class B>
read_only(B&&) -> read_only<B>;

}  // namespace lamina
