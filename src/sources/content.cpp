#include "sources/content.h"

#include <zlib.h>
#include <zstd.h>

#include <vector>

namespace sources {
namespace {

constexpr std::size_t kPackedChunk = 256UL << 10;

class PlainContent final : public Content {
 public:
  explicit PlainContent(std::unique_ptr<base::File> file) : file_(std::move(file)) {}

  base::Result<std::size_t> read(std::span<char> into) override {
    const std::size_t n = TRY(file_->read_at(at_, std::as_writable_bytes(into)));
    at_ += n;
    return n;
  }

 private:
  std::unique_ptr<base::File> file_;
  std::uint64_t at_ = 0;
};

std::unexpected<base::Error> broken(std::string_view what) {
  return base::fail_with(base::Code::kCorrupt, "the file does not unpack: " + std::string(what),
                         "send the file again, whole");
}

// gzip: one or more members, one after the other (RFC 1952).
class GzipContent final : public Content {
 public:
  explicit GzipContent(std::unique_ptr<base::File> file)
      : packed_(std::move(file)), buffer_(kPackedChunk) {
    ok_ = inflateInit2(&stream_, 16 + MAX_WBITS) == Z_OK;
  }
  GzipContent(const GzipContent&) = delete;
  GzipContent& operator=(const GzipContent&) = delete;
  ~GzipContent() override { inflateEnd(&stream_); }

  base::Result<std::size_t> read(std::span<char> into) override {
    if (!ok_) return broken("zlib did not start");
    stream_.next_out = reinterpret_cast<Bytef*>(into.data());
    stream_.avail_out = static_cast<uInt>(into.size());
    while (stream_.avail_out == into.size()) {
      if (stream_.avail_in == 0) {
        const std::size_t n = TRY(packed_.read(buffer_));
        if (n == 0)
          return in_member_ ? broken("the gzip data ends too early") : base::Result<std::size_t>(0);
        stream_.next_in = reinterpret_cast<Bytef*>(buffer_.data());
        stream_.avail_in = static_cast<uInt>(n);
      }
      in_member_ = true;
      const int code = inflate(&stream_, Z_NO_FLUSH);
      if (code == Z_STREAM_END) {
        in_member_ = false;
        inflateReset(&stream_);
      } else if (code != Z_OK && code != Z_BUF_ERROR) {
        return broken(stream_.msg != nullptr ? stream_.msg : "bad gzip data");
      }
    }
    return into.size() - stream_.avail_out;
  }

 private:
  PlainContent packed_;
  std::vector<char> buffer_;
  z_stream stream_ = {};
  bool ok_ = false;
  bool in_member_ = false;
};

class ZstdContent final : public Content {
 public:
  explicit ZstdContent(std::unique_ptr<base::File> file)
      : packed_(std::move(file)),
        buffer_(kPackedChunk),
        stream_(ZSTD_createDStream(), &ZSTD_freeDStream) {}

  base::Result<std::size_t> read(std::span<char> into) override {
    ZSTD_outBuffer out = {.dst = into.data(), .size = into.size(), .pos = 0};
    while (out.pos == 0) {
      if (in_.pos == in_.size) {
        const std::size_t n = TRY(packed_.read(buffer_));
        if (n == 0)
          return in_frame_ ? broken("the zstd data ends too early") : base::Result<std::size_t>(0);
        in_ = {.src = buffer_.data(), .size = n, .pos = 0};
      }
      const std::size_t left = ZSTD_decompressStream(stream_.get(), &out, &in_);
      if (ZSTD_isError(left) != 0) return broken(ZSTD_getErrorName(left));
      in_frame_ = left != 0;
    }
    return out.pos;
  }

 private:
  PlainContent packed_;
  std::vector<char> buffer_;
  std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream_;
  ZSTD_inBuffer in_ = {.src = nullptr, .size = 0, .pos = 0};
  bool in_frame_ = false;
};

}  // namespace

base::Result<std::unique_ptr<Content>> open_content(base::FileSystem& disk,
                                                    const base::Path& path) {
  auto file = TRY(disk.open(path, false));
  const std::string ending = path.extension().string();
  if (ending == ".gz") return std::make_unique<GzipContent>(std::move(file));
  if (ending == ".zst") return std::make_unique<ZstdContent>(std::move(file));
  return std::make_unique<PlainContent>(std::move(file));
}

}  // namespace sources
