// Whether data is what half copies say that it is: what they record is collected on the way to it (lookup.hpp), and
// compared with the digest of the file that was opened, before anybody gets a byte of it. Each open is judged anew.
//
// What is opened is measured, and not what has its name: so nothing can be put in its place between the two. Only where
// the file system enforces the digest (fs-verity) are later reads covered too; a computed digest tells of the time at
// which it was computed, as lowers are not to be changed while they are used.
//
// Concurrency: measuring may read all of the file, so it is done without a lock.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include <lamina/backend/concepts.hpp>
#include <lamina/core/digest.hpp>
#include <lamina/stack/policy.hpp>

namespace lamina::detail {

// What the half copies on the way to a file's data record of it, topmost first.
struct data_claim {
    std::vector<digest> recorded;  // each must be the data's
    bool by_topmost = false;       // the topmost half copy records one
    layer_number topmost = no_layer;  // where that one lies; there is none where this is not set
    layer_number data = no_layer;     // where the data lies
};

// Empty where this kind of file, its file system, or this very file has no digest to give.
template <class File>
[[nodiscard]] result<std::optional<digest>> measure(File& file) {
    if constexpr (measures_content<File>)
        return file.verity_digest();
    else
        return std::optional<digest>();
}
template <class... Files>
[[nodiscard]] result<std::optional<digest>> measure(std::variant<Files...>& file) {
    return std::visit([](auto& f) { return measure(f); }, file);
}

// Whether the data that a claim is about is to be measured. It is then used as a whole or not at all: never block by block,
// where it would be read on without a digest of it being kept.
[[nodiscard]] inline bool is_judged(policy const& rules, data_claim const& claim) noexcept {
    return claim.topmost != no_layer && rules.verify != verification::off &&
           (!claim.recorded.empty() || rules.verify == verification::require);
}

// Requires: `file` is the data that `claim` is about. Errors: eio in the data's layer where it is other data, or cannot
// be measured and must be; eio in the half copy's layer where that must record a digest, and does not; what measuring
// reports.
template <class File>
[[nodiscard]] result<void> verify(policy const& rules, data_claim const& claim, File& file) {
    if (rules.verify == verification::off || claim.topmost == no_layer)
        return {};
    bool const required = rules.verify == verification::require;
    if (required && !claim.by_topmost)
        return fail(errc::eio, operation::open, claim.topmost);
    if (claim.recorded.empty())
        return {};
    auto const measured = measure(file);
    if (!measured)
        return unexpected(measured.error().in_layer(claim.data));
    bool sound = *measured || !required;
    for (auto const& recorded : claim.recorded)
        sound = sound && (!*measured || **measured == recorded);
    if (!sound)
        return fail(errc::eio, operation::open, claim.data);
    return {};
}

// The data of a file, opened for what a half copy of it is to record. Empty where nothing is to be known of it: the new
// half copy takes over what one below it records; or nothing need be recorded, and the data cannot be measured or read.
// Requires: the policy verifies.
template <class Core, class Place>
[[nodiscard]] auto open_to_record(Core& core, data_claim const& claim, Place const& data)
    -> result<std::optional<typename Core::file_variant>> {
    using nothing = std::optional<typename Core::file_variant>;
    bool const required = core.rules.verify == verification::require;
    if (claim.by_topmost || (!required && !core.layers.measures(data.layer)))
        return nothing();
    auto opened = core.layers.open(data.layer, data.directory, data.name, open_flags::read);
    if (!opened && !required && opened.error() == errc::eacces)
        return nothing();
    if (!opened)
        return unexpected(opened.error());
    return nothing(*std::move(opened));
}

// What a half copy records of the data in `source`. Errors: what measuring reports.
template <class File>
[[nodiscard]] result<std::optional<digest>> digest_to_record(data_claim const& claim, std::optional<File>& source,
                                                             layer_number layer) {
    if (claim.by_topmost)
        return std::optional(claim.recorded.front());
    if (!source)
        return std::optional<digest>();
    auto measured = measure(*source);
    if (!measured)
        return unexpected(measured.error().in_layer(layer));
    return measured;
}

// Before anything is made of the data in `source`: whether it is what it should be, and what a half copy of it is to
// record. Where that must be something and there is nothing, `shell` becomes false: the copy is a whole one.
template <class File>
[[nodiscard]] result<void> judge_source(policy const& rules, data_claim const& claim, std::optional<File>& source,
                                        layer_number layer, bool& shell, std::optional<digest>& recorded) {
    if (source)
        LAMINA_CHECK(verify(rules, claim, *source));
    if (!shell || rules.verify == verification::off)
        return {};
    LAMINA_TRY(recorded, digest_to_record(claim, source, layer));
    shell = recorded || rules.verify != verification::require;
    return {};
}

}  // namespace lamina::detail
