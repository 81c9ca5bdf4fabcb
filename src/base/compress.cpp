#include "base/compress.h"

#include <zlib.h>
#include <zstd.h>

#include <memory>

namespace base {
namespace {

std::unexpected<Error> too_large(std::size_t size_max) {
  return fail(Code::kLimit, "decompressed data exceeds {} bytes", size_max);
}

Result<std::string> gunzip(std::string_view data, std::size_t size_max) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 32) != Z_OK) return fail(Code::kUnavailable, "zlib cannot start");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  std::string out;
  int status = Z_OK;
  while (status != Z_STREAM_END) {
    const std::size_t had = out.size();
    if (had >= size_max) return too_large(size_max);
    out.resize(std::min(size_max, std::max<std::size_t>(had * 2, data.size() * 4 + 1024)));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + had);
    stream.avail_out = static_cast<uInt>(out.size() - had);
    status = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
    if (status == Z_STREAM_END && stream.avail_in > 0) {  // a further gzip member
      if (inflateReset(&stream) != Z_OK) return fail(Code::kInvalid, "broken gzip data");
      status = Z_OK;
      continue;
    }
    if (status == Z_BUF_ERROR && stream.avail_in == 0) return fail(Code::kInvalid, "gzip data is cut short");
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
      return fail(Code::kInvalid, "broken gzip data");
    }
  }
  return out;
}

Result<std::string> unzstd(std::string_view data, std::size_t size_max) {
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  std::string out;
  ZSTD_inBuffer in{data.data(), data.size(), 0};
  std::size_t left = 1;
  while (in.pos < in.size || left != 0) {
    const std::size_t had = out.size();
    if (had >= size_max) return too_large(size_max);
    out.resize(std::min(size_max, had + std::max<std::size_t>(had, ZSTD_DStreamOutSize())));
    ZSTD_outBuffer buffer{out.data() + had, out.size() - had, 0};
    const std::size_t in_before = in.pos;
    left = ZSTD_decompressStream(context.get(), &buffer, &in);
    if (ZSTD_isError(left) != 0) return fail(Code::kInvalid, "broken zstd data: {}", ZSTD_getErrorName(left));
    out.resize(had + buffer.pos);
    if (buffer.pos == 0 && in.pos == in_before && left != 0) {
      return fail(Code::kInvalid, "zstd data is cut short");
    }
  }
  return out;
}

}  // namespace

Result<std::string> decompress(std::string_view encoding, std::string_view data, std::size_t size_max) {
  if (encoding.empty() || encoding == "identity") {
    if (data.size() > size_max) return too_large(size_max);
    return std::string(data);
  }
  if (encoding == "gzip" || encoding == "x-gzip") return gunzip(data, size_max);
  if (encoding == "zstd") return unzstd(data, size_max);
  return fail_with(Code::kUnsupported, fmt::format("unknown content encoding '{}'", encoding),
                   "send gzip, zstd or identity");
}

Result<std::string> compress(std::string_view encoding, std::string_view data) {
  if (encoding == "zstd") {
    std::string out(ZSTD_compressBound(data.size()), '\0');
    const std::size_t size = ZSTD_compress(out.data(), out.size(), data.data(), data.size(), 1);
    if (ZSTD_isError(size) != 0) return fail(Code::kIo, "zstd: {}", ZSTD_getErrorName(size));
    out.resize(size);
    return out;
  }
  if (encoding == "gzip") {
    z_stream stream{};
    if (deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
      return fail(Code::kUnavailable, "zlib cannot start");
    }
    std::string out(deflateBound(&stream, data.size()) + 32, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
    stream.avail_in = static_cast<uInt>(data.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int status = deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    if (status != Z_STREAM_END) return fail(Code::kIo, "gzip failed");
    return out;
  }
  return fail(Code::kUnsupported, "unknown content encoding '{}'", encoding);
}

}  // namespace base
