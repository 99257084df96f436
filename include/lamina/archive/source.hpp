// Where the bytes of an archive come from: anything that can be read at an offset and knows its size. A blob on disk
// is one (through the file handle of any backend), bytes in memory are one, and a compressed blob is one as soon as
// something can decompress it from any offset. The archive code reads through this and never maps: a source that
// shrinks under a mapping kills the process, one that shrinks under a read is an error.
//
// Concurrency: a source is read from many threads at once, as a file handle is.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <lamina/backend/concepts.hpp>

namespace lamina {

//   read_at(out, offset)   bytes read, into the front of `out`; as read(2) it may give fewer than asked, also where
//                          there are more. 0 at or past the end.
//   size()                 of the whole; asked once, when an archive is opened.
template <class S>
concept byte_source = std::movable<S> && requires(S& source, std::span<std::byte> out, std::uint64_t offset) {
    { source.read_at(out, offset) } -> std::same_as<result<std::size_t>>;
    { source.size() } -> std::same_as<result<std::uint64_t>>;
};

// Bytes in memory, which it owns.
class memory_source {
public:
    explicit memory_source(std::string bytes) noexcept : bytes_(std::move(bytes)) {}
    explicit memory_source(std::span<std::byte const> bytes)
        : bytes_(reinterpret_cast<char const*>(bytes.data()), bytes.size()) {}

    [[nodiscard]] result<std::size_t> read_at(std::span<std::byte> out, std::uint64_t offset) const noexcept {
        if (offset >= bytes_.size())
            return std::size_t{0};
        auto const left = bytes_.size() - static_cast<std::size_t>(offset);
        auto const count = out.size() < left ? out.size() : left;
        if (count != 0)
            std::memcpy(out.data(), bytes_.data() + offset, count);
        return count;
    }
    [[nodiscard]] result<std::uint64_t> size() const noexcept { return std::uint64_t{bytes_.size()}; }

private:
    std::string bytes_;
};

// An open file of any backend.
template <class F>
class file_source {
    static_assert(readable_file<F>, "file_source<F>: F does not model readable_file (backend/concepts.hpp)");

public:
    explicit file_source(F file) : file_(std::move(file)) {}

    [[nodiscard]] result<std::size_t> read_at(std::span<std::byte> out, std::uint64_t offset) {
        return file_.read_at(out, offset);
    }
    // Errors: what the file's status() reports; einval if it is not a regular file, whose size would mean nothing.
    [[nodiscard]] result<std::uint64_t> size() {
        LAMINA_TRY(auto const status, file_.status());
        if (!status.is_regular())
            return fail(errc::einval, operation::open);
        return status.size;
    }

private:
    F file_;
};

namespace detail {

// Any source behind one pointer, so that an archive's type does not depend on where its bytes lie. One indirect call
// per read, beside a system call or a copy.
class any_source {
public:
    // Not asked of itself: whether it is a source would then depend on whether it is a source.
    template <class S>
        requires(!std::same_as<S, any_source>) && byte_source<S>
    explicit any_source(S source)
        : object_(new S(std::move(source)), [](void* object) { delete static_cast<S*>(object); }),
          read_([](void* object, std::span<std::byte> out, std::uint64_t offset) {
              return static_cast<S*>(object)->read_at(out, offset);
          }) {}

    // Fills `out`, in as many reads as it takes. Returns fewer bytes only where the source ends.
    // Errors: what the source reports; eio from a source that claims to have read more than it was asked for.
    [[nodiscard]] result<std::size_t> read_full(std::span<std::byte> out, std::uint64_t offset) const {
        std::size_t done = 0;
        while (done < out.size()) {
            LAMINA_TRY(auto const count, read_(object_.get(), out.subspan(done), offset + done));
            if (count == 0)
                break;
            if (count > out.size() - done)
                return fail(errc::eio, operation::read);
            done += count;
        }
        return done;
    }

private:
    std::unique_ptr<void, void (*)(void*)> object_;
    result<std::size_t> (*read_)(void*, std::span<std::byte>, std::uint64_t);
};

}  // namespace detail
}  // namespace lamina
