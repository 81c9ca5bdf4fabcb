// Batches that other programs have compressed: gzip, lz4, zstd (the command line tools), snappy
// (the Rust implementation; raw and in snappy-java's framing).
#include <gtest/gtest.h>

#include "base/block_compress.h"
#include "base/crc32c.h"
#include "log/batch_rewrite.h"
#include "log/big_endian.h"
#include "log/log_fixture.h"

namespace eventlog {
namespace {

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

struct Vector {
  const char* name;
  int codec;
  const char* hex;
};

// Three records: key "k<i>", value "value-<i>-" eight times, timestamps 0, 10, 20.
const Vector kVectors[] = {
    {"gzip", 1,
     "1f8b08000000000002039bc4c8c0c0c0926dd0c0589698539aaa6ba04b2ecd30899141848925db106694a12eb934"
     "c8280d16966c23985146bae4d20c00e8cecae5e1000000"},
    {"snappy", 2,
     "e101449201000000046b30800176616c75652d302dde080020009201001402046b31114b00310d4bc60800014b10"
     "2804046b32114b04322d0996c608000000"},
    {"snappy of snappy-java", 2,
     "82534e415050590000000001000000010000002d64449201000000046b30800176616c75652d302dde0800200092"
     "01001402046b31114b20312d76616c75652d31000000237d1c2d76616c75652d31a2080028009201002804046b32"
     "8001093b04322dde08000000"},
    {"lz4", 3,
     "04224d186440a744000000ff039201000000046b30800176616c75652d302d08002594009201001402046b314b00"
     "13314b000f08001f004b00542804046b324b0013324b000f08001b50652d322d000000000014fa883b"},
    {"lz4 of linked blocks", 3,
     "04224d1860408244000000ff039201000000046b30800176616c75652d302d08002594009201001402046b314b00"
     "13314b000f08001f004b00542804046b324b0013324b000f08001b50652d322d0000000000"},
    {"zstd", 4,
     "28b52ffd24e1c5010034029201000000046b30800176616c75652d302d009201001402046b31312804046b323200"
     "08008308205f400a821844807c9d401cdd59c275dd11b9"}};

std::vector<std::byte> batch_with(int codec, std::string_view records, std::int32_t count = 3) {
  std::vector<std::byte> batch(kBatchHeaderSize);
  const auto bytes = std::as_bytes(std::span(records));
  batch.insert(batch.end(), bytes.begin(), bytes.end());
  std::byte* const at = batch.data();
  store_big<std::int32_t>(at + 8, static_cast<std::int32_t>(batch.size() - 12));
  store_big<std::int8_t>(at + 16, 2);
  store_big<std::int16_t>(at + 21, static_cast<std::int16_t>(codec));
  store_big<std::int32_t>(at + 23, count - 1);
  store_big<std::int64_t>(at + 27, 1000);
  store_big<std::int64_t>(at + 35, 1020);
  store_big<std::int64_t>(at + 43, -1);
  store_big<std::int16_t>(at + 51, -1);
  store_big<std::int32_t>(at + 53, -1);
  store_big<std::int32_t>(at + 57, count);
  store_big<std::uint32_t>(at + 17, base::crc32c(std::span(batch).subspan(21)));
  return batch;
}

std::string values_of(std::span<const std::byte> batch) {
  std::string all;
  const auto read = for_each_record(batch, [&](const RecordView& record) {
    all += fmt::format("{}@{}={} ", *record.key, record.timestamp_ms, record.value.substr(0, 8));
  });
  return read ? all : read.error().to_string();
}

TEST(Codec, OpensWhatOthersCompressed) {
  for (const Vector& vector : kVectors) {
    SCOPED_TRACE(vector.name);
    const auto batch = batch_with(vector.codec, from_hex(vector.hex));
    bool keyless = true;
    ASSERT_OK(check_records(batch, keyless));
    EXPECT_FALSE(keyless);
    EXPECT_EQ(values_of(batch), "k0@1000=value-0- k1@1010=value-1- k2@1020=value-2- ");
  }
}

TEST(Codec, StoresCompressedBatchesAsTheyCame) {
  const TemporaryFolder folder;
  const base::ManualClock clock(1);
  const auto log = open_log(base::posix_file_system(), clock, folder.path());
  ASSERT_OK(log->create_topic({.name = "t"}));
  for (const Vector& vector : kVectors) {
    auto batch = batch_with(vector.codec, from_hex(vector.hex));
    const auto stored = log->append_and_wait({"t", 0}, batch);
    ASSERT_OK(stored);
    const auto read = log->read({"t", 0}, stored->base_offset, 1);
    ASSERT_OK(read);
    set_base_offset(batch, stored->base_offset);
    EXPECT_TRUE(std::ranges::equal(read->batches.at(0), batch)) << vector.name;
  }
  const auto wrong = log->append_and_wait({"t", 0}, batch_with(1, from_hex(kVectors[3].hex)));
  EXPECT_EQ(wrong.error().code, base::Code::kCorrupt);
  const auto count = log->append_and_wait({"t", 0}, batch_with(4, from_hex(kVectors[5].hex), 2));
  EXPECT_FALSE(count.has_value());
}

TEST(Codec, RefusesEveryTruncationAndBoundsWhatComesOut) {
  for (const Vector& vector : kVectors) {
    const std::string whole = from_hex(vector.hex);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto batch = batch_with(vector.codec, whole.substr(0, size));
      bool keyless = false;
      // A frame may lack its end mark and still hold all records.
      if (check_records(batch, keyless)) {
        EXPECT_EQ(values_of(batch), "k0@1000=value-0- k1@1010=value-1- k2@1020=value-2- ");
      }
    }
  }
  for (int codec = 1; codec <= 4; ++codec) {
    const auto packed =
        base::compress_block(static_cast<base::BlockCodec>(codec), std::string(4UL << 20, 'x'));
    ASSERT_OK(packed);
    std::string out;
    EXPECT_TRUE(
        base::decompress_block(static_cast<base::BlockCodec>(codec), *packed, 5UL << 20, out)
            .has_value());
    EXPECT_EQ(out.size(), 4UL << 20);
    const auto bounded =
        base::decompress_block(static_cast<base::BlockCodec>(codec), *packed, 1UL << 20, out);
    ASSERT_FALSE(bounded.has_value()) << codec;
    EXPECT_EQ(bounded.error().code, base::Code::kLimit) << codec;
  }
}

TEST(Codec, TakesRecordsOutOfABatchAndKeepsTheRest) {
  for (const Vector& vector : kVectors) {
    SCOPED_TRACE(vector.name);
    const auto batch = batch_with(vector.codec, from_hex(vector.hex));
    const auto opened = open_batch(batch);
    ASSERT_OK(opened);
    const auto fewer = rewrite_batch(batch, *opened, {true, false, true}, 5000);
    ASSERT_OK(fewer);
    const auto header = check_batch(*fewer);
    ASSERT_OK(header);
    EXPECT_EQ(values_of(*fewer), "k0@1000=value-0- k2@1020=value-2- ");
    EXPECT_EQ(header->last_offset_delta, 2);
    EXPECT_EQ(header->record_count, 2);
    EXPECT_EQ(header->codec(), vector.codec);
    EXPECT_EQ(delete_horizon_ms(*header), 5000);
    EXPECT_EQ(header->max_timestamp_ms, 1020);
  }
}

}  // namespace
}  // namespace eventlog
