#include "base/block_compress.h"

#include <lz4frame.h>
#include <snappy.h>
#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include "base/compress.h"

namespace base {
namespace {

constexpr std::string_view kXerialMagic("\x82SNAPPY\0", 8);
constexpr std::size_t kXerialHeader = 16;  // magic, version, lowest compatible version
constexpr std::size_t kXerialBlock = 32UL << 10;
constexpr std::size_t kGrowth = 64UL << 10;

std::unexpected<Error> too_large(std::size_t size_max) {
  return fail(Code::kLimit, "decompressed data exceeds {} bytes", size_max);
}

std::uint32_t big_u32(std::string_view at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at.data(), sizeof(value));
  return std::byteswap(value);
}

void append_big(std::string& to, std::uint32_t value) {
  value = std::byteswap(value);
  to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

Result<> append_raw_snappy(std::string_view data, std::size_t size_max, std::string& out) {
  std::size_t size = 0;
  if (!snappy::GetUncompressedLength(data.data(), data.size(), &size)) {
    return fail(Code::kInvalid, "broken snappy data");
  }
  if (size > size_max - std::min(size_max, out.size())) return too_large(size_max);
  // A length is only believed where the data could hold it (a copy of 64 takes 3 bytes at least).
  if (size > data.size() * 64) return fail(Code::kInvalid, "broken snappy data");
  const std::size_t had = out.size();
  out.resize(had + size);
  if (!snappy::RawUncompress(data.data(), data.size(), out.data() + had)) {
    return fail(Code::kInvalid, "broken snappy data");
  }
  return {};
}

Result<> unsnappy(std::string_view data, std::size_t size_max, std::string& out) {
  if (!data.starts_with(kXerialMagic)) return append_raw_snappy(data, size_max, out);
  if (data.size() < kXerialHeader) return fail(Code::kInvalid, "snappy data is cut short");
  data.remove_prefix(kXerialHeader);
  while (!data.empty()) {
    if (data.size() < 4) return fail(Code::kInvalid, "snappy data is cut short");
    const std::size_t size = big_u32(data);
    data.remove_prefix(4);
    if (size > data.size()) return fail(Code::kInvalid, "snappy data is cut short");
    TRY(append_raw_snappy(data.substr(0, size), size_max, out));
    data.remove_prefix(size);
  }
  return {};
}

Result<> unlz4(std::string_view data, std::size_t size_max, std::string& out) {
  LZ4F_dctx* raw = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&raw, LZ4F_VERSION)) != 0) {
    return fail(Code::kUnavailable, "lz4 cannot start");
  }
  const std::unique_ptr<LZ4F_dctx, LZ4F_errorCode_t (*)(LZ4F_dctx*)> context(
      raw, LZ4F_freeDecompressionContext);
  std::size_t wanted = 1;
  while (!data.empty()) {
    const std::size_t had = out.size();
    if (had >= size_max) return too_large(size_max);
    out.resize(std::min(size_max, had + std::max({had, kGrowth, data.size()})));
    std::size_t wrote = out.size() - had;
    std::size_t took = data.size();
    wanted = LZ4F_decompress(context.get(), out.data() + had, &wrote, data.data(), &took, nullptr);
    if (LZ4F_isError(wanted) != 0) {
      return fail(Code::kInvalid, "broken lz4 data: {}", LZ4F_getErrorName(wanted));
    }
    out.resize(had + wrote);
    data.remove_prefix(took);
    if (took == 0 && wrote == 0) break;
  }
  // Output may be held back until there is room: nothing of it is left when a frame has ended.
  while (wanted != 0) {
    const std::size_t had = out.size();
    if (had >= size_max) return too_large(size_max);
    out.resize(std::min(size_max, had + kGrowth));
    std::size_t wrote = out.size() - had;
    std::size_t took = 0;
    wanted = LZ4F_decompress(context.get(), out.data() + had, &wrote, nullptr, &took, nullptr);
    if (LZ4F_isError(wanted) != 0 || wrote == 0) {
      return fail(Code::kInvalid, "lz4 data is cut short");
    }
    out.resize(had + wrote);
  }
  return {};
}

std::string snappy_framed(std::string_view data) {
  std::string out(kXerialMagic);
  append_big(out, 1);
  append_big(out, 1);
  std::string block;
  do {
    const auto piece = data.substr(0, kXerialBlock);
    snappy::Compress(piece.data(), piece.size(), &block);
    append_big(out, static_cast<std::uint32_t>(block.size()));
    out += block;
    data.remove_prefix(piece.size());
  } while (!data.empty());
  return out;
}

Result<std::string> lz4_frame(std::string_view data) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  std::string out(LZ4F_compressFrameBound(data.size(), &preferences), '\0');
  const std::size_t size =
      LZ4F_compressFrame(out.data(), out.size(), data.data(), data.size(), &preferences);
  if (LZ4F_isError(size) != 0) return fail(Code::kIo, "lz4: {}", LZ4F_getErrorName(size));
  out.resize(size);
  return out;
}

// In one go where the frame says how much comes out; otherwise, or when it lied, piece by piece.
Result<> unzstd(std::string_view data, std::size_t size_max, std::string& out) {
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  thread_local const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  const unsigned long long size = ZSTD_getFrameContentSize(data.data(), data.size());
  if (size <= size_max) {  // the marks of unknown sizes and of errors are larger than any size
    out.resize(size);
    const std::size_t got =
        ZSTD_decompressDCtx(context.get(), out.data(), out.size(), data.data(), data.size());
    if (ZSTD_isError(got) == 0 && got == size) return {};
  }
  out = TRY(decompress("zstd", data, size_max));
  return {};
}

}  // namespace

Result<> decompress_block(BlockCodec codec, std::string_view data, std::size_t size_max,
                          std::string& out) {
  out.clear();
  switch (codec) {
    case BlockCodec::kNone:
      if (data.size() > size_max) return too_large(size_max);
      out = data;
      return {};
    case BlockCodec::kGzip:
      out = TRY(decompress("gzip", data, size_max));
      return {};
    case BlockCodec::kSnappy:
      return unsnappy(data, size_max, out);
    case BlockCodec::kLz4:
      return unlz4(data, size_max, out);
    case BlockCodec::kZstd:
      return unzstd(data, size_max, out);
  }
  return fail(Code::kUnsupported, "compression codec {} is not known", static_cast<int>(codec));
}

Result<std::string> compress_block(BlockCodec codec, std::string_view data) {
  switch (codec) {
    case BlockCodec::kNone:
      return std::string(data);
    case BlockCodec::kGzip:
      return compress("gzip", data);
    case BlockCodec::kSnappy:
      return snappy_framed(data);
    case BlockCodec::kLz4:
      return lz4_frame(data);
    case BlockCodec::kZstd:
      return compress("zstd", data);
  }
  return fail(Code::kUnsupported, "compression codec {} is not known", static_cast<int>(codec));
}

}  // namespace base
