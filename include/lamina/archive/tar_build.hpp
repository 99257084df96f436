// From members to a tree: which names a layer may have, and what happens where two members meet.
//
// Decided here, as an extraction that never follows a link would do it:
// - The last member of a name wins. A directory that is met again takes the attributes of the later member and keeps
//   its children; anything else in the place of a directory drops what was in it.
// - A directory that only the names of others imply has mode 0755, owner root, and the time 0.
// - A member below something that is not a directory is refused, not put in its place: applying the layer would fail
//   there.
// - A hard link leads to a member that came before it, of any type but a directory. One that leads to itself changes
//   nothing. Replacing the member that it leads to leaves the link with the old object. Attributes that the link
//   carries are not read.
// - Names are judged before anything is made of them. "." as a component is skipped, wherever it stands.
//
// Concurrency: belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <lamina/archive/tar_edit.hpp>
#include <lamina/archive/tar_error.hpp>
#include <lamina/archive/tar_index.hpp>
#include <lamina/archive/tar_reader.hpp>
#include <lamina/core/path.hpp>
#include <lamina/core/result.hpp>

namespace lamina::detail {

// What is wrong with one component of a member's name, "." apart. The bare whiteout prefixes would hide a name that
// no entry can have.
[[nodiscard]] inline std::optional<tar_reason> judge_tar_component(std::string_view name) noexcept {
    if (name.empty())
        return tar_reason::empty_component;
    if (name.size() > name_max)
        return tar_reason::long_component;
    if (name[0] == '.') {
        if (name == "..")
            return tar_reason::dot_dot_component;
        if (name == ".wh." || name == ".wh.." || name == ".wh...")
            return tar_reason::bare_whiteout_component;
    }
    if (name.find('\0') != std::string_view::npos)
        return tar_reason::nul_in_name;
    return std::nullopt;
}

// `Members` has next(tar_member&) -> result<bool, tar_error>, as tar_reader.
template <class Members>
class tar_builder {
public:
    // Requires: `index` is empty; both outlive the builder.
    tar_builder(Members& members, tar_index& index, tar_limits const& limits) noexcept
        : members_(&members), edit_(index, limits) {}

    // Takes all members, once. Errors: those of the members; the reasons from empty_name on; out_of_memory.
    [[nodiscard]] result<void, tar_error> run() {
        auto wrong = edit_.begin();
        if (!wrong)
            edit_.record(tar_root).mode = implied_mode;
        tar_member member;
        while (!wrong) {
            LAMINA_TRY(bool const more, members_->next(member));
            if (!more) {
                member = {};
                wrong = edit_.finish();
                break;
            }
            wrong = put(member);
        }
        if (wrong)
            return unexpected(tar_error(*wrong, member.offset, member.name));
        return {};
    }

private:
    using refusal = std::optional<tar_reason>;
    static constexpr std::uint16_t implied_mode = 0755;

    // A directory and a name in it; the empty name is the directory itself.
    struct location {
        tar_record_number directory = tar_root;
        std::string_view name;
    };

    refusal put(tar_member const& member) {
        location where;
        if (auto const wrong = locate(member.name, where))
            return wrong;
        bool const is_directory = member.type == file_type::directory;
        if (where.name.empty())
            return is_directory ? fill(where.directory, member) : tar_reason::root_is_no_directory;

        name_ref const name(where.name);
        auto const known = edit_.find(where.directory, name);
        bool const is_there = known.live != no_tar_record;
        if (is_directory && is_there && edit_.record(known.live).is_directory())
            return fill(known.live, member);

        tar_record_number object = no_tar_record;
        if (member.is_hard_link) {
            if (auto const wrong = find_link_target(member.link, object))
                return wrong;
            if (is_there && edit_.index().object_of(known.live) == object)
                return std::nullopt;
            // Counted before what has the name goes: that may be the directory of the object's own name, and the
            // object stays.
            auto* const rare = edit_.rare_for(object);
            if (rare == nullptr)
                return tar_reason::out_of_memory;
            ++rare->links;
        }
        tar_record_number made = no_tar_record;
        if (auto const wrong = edit_.make(where.directory, name, known, made))
            return wrong;
        if (member.is_hard_link) {
            auto& link = edit_.record(made);
            link.is_link = true;
            link.type = file_type::unknown;
            link.place = object;
            return std::nullopt;
        }
        edit_.record(made).type = member.type;
        return fill(made, member);
    }

    // Judges a member's name and finds, or makes, the directory that it lies in.
    refusal locate(std::string_view name, location& where) {
        if (name.empty())
            return tar_reason::empty_name;
        if (name[0] == '/')
            return tar_reason::absolute_name;
        if (name.back() == '/')
            name.remove_suffix(1);
        auto const slash = name.rfind('/');
        auto const parent = name.substr(0, slash == std::string_view::npos ? 0 : slash);
        auto const last = name.substr(slash + 1);  // npos + 1 is 0
        // Most members follow one of the same directory.
        if (last != "." && parent == last_parent_) {
            where = {last_directory_, last};
            return judge_tar_component(last);
        }
        where = {};
        for (std::size_t start = 0; start <= name.size();) {
            auto const component = name.substr(start, name.find('/', start) - start);
            start += component.size() + 1;
            if (component == ".")
                continue;
            if (auto const wrong = judge_tar_component(component))
                return wrong;
            if (!where.name.empty())
                if (auto const wrong = enter(where))
                    return wrong;
            where.name = component;
        }
        // What is remembered is where the last member lies, so that no member can drop it: it drops at most what lies
        // below. A name like "a/b/." lies in "a", which is not its text before the last slash.
        last_parent_.assign(last == "." ? std::string_view() : parent);
        last_directory_ = last == "." ? tar_root : where.directory;
        return std::nullopt;
    }

    // Makes `where.directory` the directory that is named there.
    refusal enter(location& where) {
        name_ref const name(where.name);
        auto const known = edit_.find(where.directory, name);
        auto down = known.live;
        if (down != no_tar_record) {
            auto const& object = edit_.index()[edit_.index().object_of(down)];
            if (!object.is_directory())
                return object.type == file_type::symlink ? tar_reason::below_a_symlink : tar_reason::below_a_file;
        } else {
            if (auto const wrong = edit_.make(where.directory, name, known, down))
                return wrong;
            edit_.record(down).mode = implied_mode;
        }
        where.directory = down;
        return std::nullopt;
    }

    refusal find_link_target(std::string_view link, tar_record_number& object) const {
        if (link.empty() || link[0] == '/')
            return tar_reason::bad_link_name;
        auto const& index = edit_.index();
        auto at = tar_root;
        for (std::size_t start = 0; start <= link.size();) {
            auto const component = link.substr(start, link.find('/', start) - start);
            start += component.size() + 1;
            if (component == ".")
                continue;
            if (judge_tar_component(component))
                return tar_reason::bad_link_name;
            // What lies behind something that is missing is still judged.
            if (at != no_tar_record)
                at = index[at].is_directory() ? index.find(at, name_ref(component)) : no_tar_record;
        }
        if (at == no_tar_record)
            return tar_reason::link_to_nothing;
        object = index.object_of(at);
        return index[object].is_directory() ? refusal(tar_reason::link_to_a_directory) : std::nullopt;
    }

    // The member's attributes into a record that has its type; a directory's children stay.
    refusal fill(tar_record_number i, tar_member const& member) {
        auto& object = edit_.record(i);
        object.mode = static_cast<std::uint16_t>(member.mode);
        object.uid = member.uid;
        object.gid = member.gid;
        object.mtime = member.mtime.seconds;
        object.mtime_nanoseconds = member.mtime.nanoseconds;
        switch (object.type) {
        case file_type::regular:
            object.place = member.data;
            object.size = member.size;
            break;
        case file_type::symlink:
            if (member.link.empty())
                return tar_reason::empty_symlink;
            if (member.link.find('\0') != std::string_view::npos)
                return tar_reason::nul_in_name;
            if (auto const wrong = edit_.keep_name(member.link, object.place))
                return wrong;
            object.size = member.link.size();
            break;
        case file_type::character:
        case file_type::block:
            object.place = std::uint64_t{member.device.major} << 32 | member.device.minor;
            break;
        default:
            break;
        }
        bool const has_more = member.atime || member.ctime || member.is_sparse || !member.xattrs.empty() ||
                              !member.global_xattrs.empty();
        if (object.rare == no_tar_record && !has_more)
            return std::nullopt;
        auto* const rare = edit_.rare_for(i);
        if (rare == nullptr)
            return tar_reason::out_of_memory;
        rare->atime = member.atime.value_or(member.mtime);
        rare->ctime = member.ctime.value_or(member.mtime);
        rare->stored = object.size;
        if (member.is_sparse)
            if (auto const wrong = edit_.keep_extents(member.extents, *rare))
                return wrong;
        if (auto const wrong = edit_.keep_xattrs(member.xattrs, member.global_xattrs, *rare))
            return wrong;
        return edit_.over_memory() ? refusal(tar_reason::over_index_bytes) : std::nullopt;
    }

    Members* members_;
    tar_editor edit_;
    std::string last_parent_;  // the directory of the last member, as its name had it
    tar_record_number last_directory_ = tar_root;
};

}  // namespace lamina::detail
