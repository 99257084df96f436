// The file half of forward.hpp: an open file of the wrapped backend, every primitive of which goes through the
// adaptor's policy. The policy lives at a stable address, so a file stays usable when the adaptor is moved; it must
// not outlive it. Concurrency: adds nothing to the wrapped file's rule; a policy takes care of its own state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <lamina/backend/adapt/call.hpp>
#include <lamina/backend/concepts.hpp>

namespace lamina {

template <class F, class Policy>
class forwarded_file;

namespace detail {

// A policy whose `around` gives digests to files that have none: `static constexpr bool adds_digests = true`.
template <class Policy>
concept adds_digests = requires { requires Policy::adds_digests; };

// A policy past which data may go unseen: `static constexpr bool lets_data_pass = true`.
template <class Policy>
concept lets_data_pass = requires { requires Policy::lets_data_pass; };

// What a policy's `around` answers: what the callable would have.
template <class F>
using answer_of = std::invoke_result_t<F&, call const&>;

// A policy without state costs neither an allocation nor a pointer per file.
template <class Policy>
class policy_reference {
public:
    explicit policy_reference(Policy& policy) noexcept : policy_(&policy) {}
    [[nodiscard]] Policy& get() const noexcept { return *policy_; }

private:
    Policy* policy_;
};
template <class Policy>
    requires std::is_empty_v<Policy>
class policy_reference<Policy> {
public:
    explicit policy_reference(Policy&) noexcept {}
    [[nodiscard]] Policy get() const noexcept { return {}; }
};

template <class Policy>
class kept_policy {
public:
    explicit kept_policy(Policy policy) : policy_(std::make_unique<Policy>(std::move(policy))) {}
    [[nodiscard]] Policy& get() const noexcept { return *policy_; }

private:
    std::unique_ptr<Policy> policy_;
};
template <class Policy>
    requires std::is_empty_v<Policy>
class kept_policy<Policy> {
public:
    explicit kept_policy(Policy policy) noexcept : policy_(policy) {}
    [[nodiscard]] Policy& get() const noexcept { return policy_; }

private:
    [[no_unique_address]] mutable Policy policy_;
};

// Where a file was when it was opened, for policies that ask (`names_files`).
template <bool Remembered>
struct file_place {
    file_place(node, name_ref) noexcept {}
    void put_into(call&) const noexcept {}
};
template <>
struct file_place<true> {
    node directory;
    std::string name;
    file_place(node d, name_ref n) : directory(d), name(n.text) {}
    void put_into(call& c) const noexcept {
        c.directory = directory;
        c.name = name_ref(name);
    }
};

template <class F>
inline constexpr bool is_forwarded = false;
template <class F, class Policy>
inline constexpr bool is_forwarded<forwarded_file<F, Policy>> = true;

// The file under all adaptors.
template <class F>
struct innermost {
    using type = F;
};
template <class F, class Policy>
struct innermost<forwarded_file<F, Policy>> : innermost<F> {};

}  // namespace detail

template <class F, class Policy>
class forwarded_file {
public:
    // `opening`: the flags it was opened with; created files are open for reading and writing.
    forwarded_file(F file, Policy& policy, node directory, name_ref name, open_flags opening)
        : file_(std::move(file)),
          policy_(policy),
          place_(directory, name),
          opening_(opening) {}

    [[nodiscard]] F& inner() noexcept { return file_; }

    result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
        return through({.what = primitive::read_at, .into = into, .offset = offset},
                       [this](call const& c) { return file_.read_at(c.into, c.offset); });
    }
    result<std::uint64_t> next_data(std::uint64_t offset) {
        return through({.what = primitive::next_data, .offset = offset},
                       [this](call const& c) { return file_.next_data(c.offset); });
    }
    result<std::uint64_t> next_hole(std::uint64_t offset) {
        return through({.what = primitive::next_hole, .offset = offset},
                       [this](call const& c) { return file_.next_hole(c.offset); });
    }
    result<attributes> status() {
        return through({.what = primitive::file_status}, [this](call const&) { return file_.status(); });
    }
    result<std::optional<digest>> verity_digest()
        requires(measures_content<F> || detail::adds_digests<Policy>)
    {
        return through({.what = primitive::verity_digest}, [&](call const&) -> result<std::optional<digest>> {
            if constexpr (measures_content<F>)
                return file_.verity_digest();
            else
                return std::optional<digest>();
        });
    }
    // Empty unless the adaptor has nothing to do with the data.
    [[nodiscard]] std::optional<int> data_descriptor()
        requires has_data_descriptor<F>
    {
        if constexpr (detail::lets_data_pass<Policy>)
            return file_.data_descriptor();
        else
            return std::nullopt;
    }
    [[nodiscard]] bool descriptor_is_final()
        requires has_data_descriptor<F>
    {
        if constexpr (detail::lets_data_pass<Policy>)
            return file_.descriptor_is_final();
        else
            return true;
    }

    result<std::size_t> write_at(std::span<std::byte const> bytes, std::uint64_t offset)
        requires writable_file<F>
    {
        return through({.what = primitive::write_at, .from = bytes, .offset = offset},
                       [this](call const& c) { return file_.write_at(c.from, c.offset); });
    }
    result<std::size_t> append(std::span<std::byte const> bytes)
        requires writable_file<F>
    {
        return through({.what = primitive::append, .from = bytes},
                       [this](call const& c) { return file_.append(c.from); });
    }
    result<void> resize(std::uint64_t size)
        requires writable_file<F>
    {
        return through({.what = primitive::file_resize, .offset = size},
                       [this](call const& c) { return file_.resize(c.offset); });
    }
    result<void> allocate(allocation how, std::uint64_t offset, std::uint64_t length)
        requires allocates<F>
    {
        return through({.what = primitive::allocate, .offset = offset, .count = length, .allocating = how},
                       [this](call const& c) { return file_.allocate(c.allocating, c.offset, c.count); });
    }
    result<void> sync(sync_kind kind)
        requires writable_file<F>
    {
        return through({.what = primitive::file_sync, .syncing = kind},
                       [this](call const& c) { return file_.sync(c.syncing); });
    }
    result<void> set_mode(mode_bits mode)
        requires writable_file<F>
    {
        return through({.what = primitive::file_set_mode, .mode = mode},
                       [this](call const& c) { return file_.set_mode(c.mode); });
    }
    result<void> set_owner(user_id uid, group_id gid)
        requires writable_file<F>
    {
        return through({.what = primitive::file_set_owner, .uid = uid, .gid = gid},
                       [this](call const& c) { return file_.set_owner(c.uid, c.gid); });
    }
    result<void> set_times(time_change const& times)
        requires writable_file<F>
    {
        return through({.what = primitive::file_set_times, .times = &times},
                       [this](call const& c) { return file_.set_times(*c.times); });
    }
    result<void> set_xattr(std::string_view key, std::string_view value, xattr_flags flags)
        requires writable_file<F>
    {
        return through({.what = primitive::file_set_xattr, .key = key, .value = value, .setting = flags},
                       [this](call const& c) { return file_.set_xattr(c.key, c.value, c.setting); });
    }
    result<std::optional<std::string>> get_xattr(std::string_view key)
        requires reads_xattrs<F>
    {
        return through({.what = primitive::file_get_xattr, .key = key},
                       [this](call const& c) { return file_.get_xattr(c.key); });
    }
    result<std::vector<std::string>> list_xattrs()
        requires reads_xattrs<F>
    {
        return through({.what = primitive::file_list_xattrs}, [this](call const&) { return file_.list_xattrs(); });
    }
    result<void> remove_xattr(std::string_view key)
        requires removes_xattrs<F>
    {
        return through({.what = primitive::file_remove_xattr, .key = key},
                       [this](call const& c) { return file_.remove_xattr(c.key); });
    }
    result<inode_flags> flags()
        requires has_inode_flags<F>
    {
        return through({.what = primitive::file_flags}, [this](call const&) { return file_.flags(); });
    }
    result<void> set_flags(inode_flags flags)
        requires has_inode_flags<F>
    {
        return through({.what = primitive::file_set_flags, .flags = flags},
                       [this](call const& c) { return file_.set_flags(c.flags); });
    }

    // Copies reach the innermost files of both sides, and every adaptor on the way sees them: a read of `from`, a
    // copy into this one.
    template <class From>
        requires copies_from<typename detail::innermost<F>::type, typename detail::innermost<From>::type>
    result<std::uint64_t> copy_range_from(From& from, std::uint64_t from_offset, std::uint64_t to_offset,
                                          std::uint64_t count) {
        if constexpr (detail::is_forwarded<From>)
            return from.through(
                {.what = primitive::read_at, .offset = from_offset, .count = count},
                [&](call const& c) { return copy_range_from(from.inner(), c.offset, to_offset, c.count); });
        else
            return through(
                {.what = primitive::copy_range_from, .offset = from_offset, .to_offset = to_offset, .count = count},
                [&](call const& c) { return file_.copy_range_from(from, c.offset, c.to_offset, c.count); });
    }
    template <class From>
        requires copies_from<typename detail::innermost<F>::type, typename detail::innermost<From>::type>
    result<void> clone_from(From& from) {
        if constexpr (detail::is_forwarded<From>)
            return from.through({.what = primitive::read_at}, [&](call const&) { return clone_from(from.inner()); });
        else
            return through({.what = primitive::clone_from}, [&](call const&) { return file_.clone_from(from); });
    }

    // One primitive of this file, as the adaptor lets it pass.
    template <class Perform>
    auto through(call c, Perform perform) -> detail::answer_of<Perform> {
        place_.put_into(c);
        c.opening = opening_;
        return policy_.get().around(file_, c, perform);
    }

private:
    F file_;
    [[no_unique_address]] detail::policy_reference<Policy> policy_;
    [[no_unique_address]] detail::file_place<Policy::names_files> place_;
    open_flags opening_;
};

}  // namespace lamina
