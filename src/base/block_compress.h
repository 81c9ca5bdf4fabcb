// The codecs of Kafka's record batches: whole buffers, with a bound on what comes out.
//
// Threads: any; each thread keeps its own decompression state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace base {

// As numbered in a batch's attributes.
enum class BlockCodec : std::uint8_t { kNone = 0, kGzip = 1, kSnappy = 2, kLz4 = 3, kZstd = 4 };

// Into `out`, whose capacity is kept. Snappy may be raw or framed as snappy-java (xerial) does; lz4
// is one or more frames. kLimit when more than `size_max` bytes would come out, kInvalid for broken
// data.
Result<> decompress_block(BlockCodec codec, std::string_view data, std::size_t size_max,
                          std::string& out);
// Snappy is framed as snappy-java does, lz4 is a frame.
Result<std::string> compress_block(BlockCodec codec, std::string_view data);

}  // namespace base
