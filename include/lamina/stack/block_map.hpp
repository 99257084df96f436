// The map of one file whose data is copied up block by block: which blocks lie in the upper. It is a file of its own in
// the work directory; docs/formats/block-map.md has its bytes.
//
// A bit goes from 0 to 1 and never back, so an older state of the map is always a true one: it only knows of fewer
// writes. Each bit is kept twice.
//   soft   set once the block's bytes are written, not flushed. It counts after the process was killed, and not after
//          the machine went down: the header tells in which boot it was written.
//   hard   set once the block's bytes are flushed. It always counts. Two copies of each sector, of which the one that
//          is known to be on the disk is never overwritten.
// A sector or header with a wrong checksum is as if it were not there. Where nothing valid is left, or a number does
// not fit the file, the map is eio: a map that lies may show old bytes for new ones, so nothing is guessed.
//
// Concurrency: none of its own. `own`, `lower_limit` and `write_header` change what the others read; `unflushed`,
// `write_hard` and `flush` are for one caller at a time, and may run beside readers.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <lamina/backend/content.hpp>
#include <lamina/core/crc32c.hpp>
#include <lamina/stack/block_bits.hpp>

namespace lamina::detail {

using block_id = std::array<std::byte, 16>;

[[nodiscard]] inline std::string hex_name(block_id const& id) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (std::byte const b : id) {
        text.push_back(digits[static_cast<std::uint8_t>(b) >> 4]);
        text.push_back(digits[static_cast<std::uint8_t>(b) & 15]);
    }
    return text;
}

// By what a lower file is known again.
struct lower_identity {
    std::uint64_t size = 0;
    timestamp mtime;
    friend bool operator==(lower_identity, lower_identity) noexcept = default;
};

// Between two states of this nothing that was written is lost. Unknown: anything unflushed may be.
struct boot_identity {
    std::array<std::byte, 16> id{};
    bool known = false;
};

// What a map says besides its bits.
struct block_header {
    static constexpr std::size_t bytes = 4096;
    static constexpr std::uint32_t version = 1;
    static constexpr unsigned smallest_shift = 12, largest_shift = 24;
    static constexpr std::uint64_t most_blocks = std::uint64_t{1} << 24;  // 2 MiB of bits

    block_id id{};
    std::uint64_t sequence = 0;
    unsigned shift = 0;       // a block has 1 << shift bytes
    std::uint64_t limit = 0;  // bytes from here on lie in the upper, whatever the bits say
    lower_identity lower;
    std::array<std::byte, 16> boot{};

    // Blocks of the lower file.
    [[nodiscard]] std::uint64_t blocks() const noexcept {
        return (lower.size >> shift) + ((lower.size & ((std::uint64_t{1} << shift) - 1)) != 0 ? 1 : 0);
    }
    [[nodiscard]] std::uint64_t sectors() const noexcept {
        return (blocks() + block_sector::bits - 1) / block_sector::bits;
    }
    [[nodiscard]] std::uint64_t soft_at(std::uint64_t sector) const noexcept {
        return 2 * bytes + sector * block_sector::bytes;
    }
    [[nodiscard]] std::uint64_t hard_at(unsigned copy, std::uint64_t sector) const noexcept {
        return soft_at((1 + copy) * sectors() + sector);
    }
    [[nodiscard]] std::uint64_t file_size() const noexcept { return soft_at(3 * sectors()); }

    void encode(std::span<std::byte, bytes> out) const noexcept {
        std::fill(out.begin(), out.end(), std::byte{0});
        std::memcpy(out.data(), magic, sizeof magic);
        put_little(out, 8, version);
        put_little(out, 12, static_cast<std::uint32_t>(shift));
        put_little(out, 16, sequence);
        std::copy(id.begin(), id.end(), out.begin() + 24);
        put_little(out, 40, limit);
        put_little(out, 48, lower.size);
        put_little(out, 56, static_cast<std::uint64_t>(lower.mtime.seconds));
        put_little(out, 64, lower.mtime.nanoseconds);
        std::copy(boot.begin(), boot.end(), out.begin() + 72);
        put_little(out, bytes - 4, crc32c(out.template first<bytes - 4>()));
    }
    // False if it is damaged, or says what cannot be.
    [[nodiscard]] bool decode(std::span<std::byte const, bytes> in) noexcept {
        if (std::memcmp(in.data(), magic, sizeof magic) != 0 || get_little<std::uint32_t>(in, 8) != version ||
            get_little<std::uint32_t>(in, bytes - 4) != crc32c(in.template first<bytes - 4>()))
            return false;
        shift = get_little<std::uint32_t>(in, 12);
        sequence = get_little<std::uint64_t>(in, 16);
        std::copy_n(in.begin() + 24, id.size(), id.begin());
        limit = get_little<std::uint64_t>(in, 40);
        lower.size = get_little<std::uint64_t>(in, 48);
        lower.mtime.seconds = static_cast<std::int64_t>(get_little<std::uint64_t>(in, 56));
        lower.mtime.nanoseconds = get_little<std::uint32_t>(in, 64);
        std::copy_n(in.begin() + 72, boot.size(), boot.begin());
        return shift >= smallest_shift && shift <= largest_shift && limit <= lower.size && blocks() <= most_blocks;
    }

private:
    static constexpr char magic[8] = {'L', 'A', 'M', 'I', 'N', 'A', 'B', 'M'};
};

// Sectors whose bits are set, but not yet hard.
using unflushed_sectors = std::vector<std::pair<std::uint64_t, block_sector>>;

template <class File>
class block_map {
public:
    // A map without a bit, written into an empty file. Requires: no more than block_header::most_blocks blocks.
    [[nodiscard]] static result<block_map> create(File file, block_header const& header) {
        block_map made(std::move(file), header);
        std::vector<std::byte> image(static_cast<std::size_t>(header.file_size()));
        made.header_.sequence = 1;
        made.header_.encode(std::span(image).template first<block_header::bytes>());
        for (std::size_t at = 2 * block_header::bytes; at < image.size(); at += block_sector::bytes)
            block_sector().encode(std::span(image).subspan(at).template first<block_sector::bytes>());
        LAMINA_CHECK(paths::write_all_at(made.file_, image, 0));
        made.soft_is_ours_ = true;
        return made;
    }

    // Errors: eio if it is damaged or another file's.
    [[nodiscard]] static result<block_map> load(File file, block_id const& id, boot_identity const& boot) {
        LAMINA_TRY(auto const size, file.status());
        block_header found;
        bool any = false;
        std::vector<std::byte> bytes(block_header::bytes);
        for (std::uint64_t copy = 0; copy < 2; ++copy) {
            LAMINA_TRY(auto const count, file.read_at(bytes, copy * block_header::bytes));
            block_header one;
            if (count == bytes.size() && one.decode(std::span(bytes).template first<block_header::bytes>()) &&
                (!any || one.sequence > found.sequence)) {
                found = one;
                any = true;
            }
        }
        if (!any || found.id != id || size.size != found.file_size())
            return fail(errc::eio, operation::open);
        block_map loaded(std::move(file), found);
        loaded.unflushed_header_ = true;  // by us or by one before us: nobody knows
        loaded.soft_is_ours_ = boot.known && boot.id == found.boot;
        LAMINA_CHECK(loaded.load_bits());
        loaded.header_.boot = boot.id;
        return loaded;
    }

    [[nodiscard]] block_header const& header() const noexcept { return header_; }
    [[nodiscard]] std::uint64_t block_size() const noexcept { return std::uint64_t{1} << header_.shift; }
    [[nodiscard]] std::uint64_t limit() const noexcept { return header_.limit; }
    [[nodiscard]] bool owns(std::uint64_t block) const noexcept {
        return sectors_[static_cast<std::size_t>(block / block_sector::bits)].test(block % block_sector::bits);
    }
    // The first block from `block` on that is not as `block` is; blocks() if there is none.
    [[nodiscard]] std::uint64_t run_end(std::uint64_t block) const noexcept {
        bool const state = owns(block);
        std::uint64_t at = block;
        while (at < header_.blocks()) {
            auto const in_sector = static_cast<std::size_t>(at % block_sector::bits);
            auto const end = sectors_[static_cast<std::size_t>(at / block_sector::bits)].run_end(in_sector, state);
            at += end - in_sector;
            if (end != block_sector::bits)
                break;
        }
        return std::min(at, header_.blocks());
    }

    // The bytes of these blocks are in the upper, as far as a kill is concerned. A failure leaves them unowned.
    [[nodiscard]] result<void> own(std::uint64_t first, std::uint64_t last) {
        if (!soft_is_ours_)
            LAMINA_CHECK(take_over());
        for (std::uint64_t at = first; at <= last;) {
            std::uint64_t const sector = at / block_sector::bits;
            std::uint64_t const end = std::min(last + 1, (sector + 1) * block_sector::bits);
            block_sector changed = sectors_[static_cast<std::size_t>(sector)];
            for (; at < end; ++at)
                changed.set(at % block_sector::bits);
            LAMINA_CHECK(write_sector(changed, header_.soft_at(sector)));
            sectors_[static_cast<std::size_t>(sector)] = changed;
        }
        return {};
    }
    void lower_limit(std::uint64_t limit) noexcept { header_.limit = std::min(header_.limit, limit); }
    // The header as it is now. One that is valid on the disk stays so until this one is.
    [[nodiscard]] result<void> write_header(bool flush) {
        if (unflushed_header_ && flush)
            LAMINA_CHECK(file_.sync(sync_kind::data));
        ++header_.sequence;
        std::vector<std::byte> bytes(block_header::bytes);
        header_.encode(std::span(bytes).template first<block_header::bytes>());
        unflushed_header_ = true;
        LAMINA_CHECK(paths::write_all_at(file_, bytes, header_.sequence % 2 == 0 ? block_header::bytes : 0));
        if (flush) {
            LAMINA_CHECK(file_.sync(sync_kind::data));
            unflushed_header_ = false;
        }
        return {};
    }

    // What write_hard is to be given, once the bytes of those blocks are flushed.
    [[nodiscard]] unflushed_sectors unflushed() const {
        unflushed_sectors found;
        for (std::size_t i = 0; i < sectors_.size(); ++i)
            if (!sectors_[i].same_bits(hard_[i].bits))
                found.emplace_back(i, sectors_[i]);
        return found;
    }
    [[nodiscard]] result<void> write_hard(unflushed_sectors const& flushed, bool flush) {
        // Which copies an earlier life has flushed is not known.
        if (flush && !flushed.empty() && !hard_is_flushed_once_)
            LAMINA_CHECK(this->flush());
        for (auto const& [sector, bits] : flushed) {
            auto& known = hard_[static_cast<std::size_t>(sector)];
            block_sector next = bits;
            next.sequence = known.bits.sequence + 1;
            unsigned const copy = 1 - known.flushed_copy;
            LAMINA_CHECK(write_sector(next, header_.hard_at(copy, sector)));
            known.bits = next;
            known.newest_copy = copy;
            hard_is_unflushed_ = true;
        }
        return {};
    }
    [[nodiscard]] result<void> flush() {
        LAMINA_CHECK(file_.sync(sync_kind::data));
        for (auto& known : hard_)
            known.flushed_copy = known.newest_copy;
        hard_is_unflushed_ = false;
        hard_is_flushed_once_ = true;
        return {};
    }
    [[nodiscard]] bool hard_is_unflushed() const noexcept { return hard_is_unflushed_; }
    // The same file, opened anew.
    void use(File file) { file_ = std::move(file); }
    [[nodiscard]] File& file() noexcept { return file_; }

private:
    struct hard_sector {
        block_sector bits;
        unsigned flushed_copy = 0;  // never overwritten
        unsigned newest_copy = 0;
    };

    block_map(File file, block_header const& header)
        : file_(std::move(file)), header_(header), sectors_(static_cast<std::size_t>(header.sectors())),
          hard_(static_cast<std::size_t>(header.sectors())) {}

    [[nodiscard]] result<void> write_sector(block_sector const& sector, std::uint64_t at) {
        std::array<std::byte, block_sector::bytes> bytes;
        sector.encode(bytes);
        return paths::write_all_at(file_, bytes, at);
    }
    // One of the three areas. Nothing is said of sectors that are damaged: `take(index, sector)` is called for the
    // others.
    template <class Take>
    [[nodiscard]] result<void> read_area(std::uint64_t at, Take&& take) {
        std::vector<std::byte> area(sectors_.size() * block_sector::bytes);
        LAMINA_TRY(auto const count, file_.read_at(area, at));
        if (count != area.size())
            return fail(errc::eio, operation::open);
        for (std::size_t i = 0; i < sectors_.size(); ++i) {
            block_sector one;
            if (one.decode(std::span(area).subspan(i * block_sector::bytes).template first<block_sector::bytes>()))
                take(i, one);
        }
        return {};
    }
    [[nodiscard]] result<void> load_bits() {
        std::vector<char> valid(sectors_.size(), 0);
        for (unsigned copy = 0; copy < 2; ++copy)
            LAMINA_CHECK(read_area(header_.hard_at(copy, 0), [&](std::size_t i, block_sector const& found) {
                if (valid[i] != 0 && found.sequence <= hard_[i].bits.sequence)
                    return;
                valid[i] = 1;
                hard_[i] = {found, copy, copy};
            }));
        if (std::find(valid.begin(), valid.end(), 0) != valid.end())
            return fail(errc::eio, operation::open);
        for (std::size_t i = 0; i < sectors_.size(); ++i)
            sectors_[i] = hard_[i].bits;
        if (!soft_is_ours_)
            return {};
        std::fill(valid.begin(), valid.end(), 0);
        LAMINA_CHECK(read_area(header_.soft_at(0), [&](std::size_t i, block_sector const& found) {
            valid[i] = 1;
            sectors_[i].add(found);
        }));
        // Written in this boot, it cannot be torn: somebody else has been here.
        if (std::find(valid.begin(), valid.end(), 0) != valid.end())
            return fail(errc::eio, operation::open);
        return {};
    }
    // The soft bits of an earlier boot are overwritten, and only then the header says that they are of this one.
    [[nodiscard]] result<void> take_over() {
        for (std::size_t i = 0; i < sectors_.size(); ++i)
            LAMINA_CHECK(write_sector(sectors_[i], header_.soft_at(i)));
        LAMINA_CHECK(write_header(true));
        soft_is_ours_ = true;
        return {};
    }

    File file_;
    block_header header_;
    std::vector<block_sector> sectors_;
    std::vector<hard_sector> hard_;
    bool soft_is_ours_ = false;      // the soft bits in the file count in this boot
    bool unflushed_header_ = true;
    bool hard_is_unflushed_ = false;
    bool hard_is_flushed_once_ = false;
};

}  // namespace lamina::detail
