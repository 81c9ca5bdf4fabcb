#include "log/record_batch.h"

#include <gtest/gtest.h>

#include <string>

#include "log/log_fixture.h"

namespace eventlog {
namespace {

// Written by another implementation (kafka-python's DefaultRecordBatchBuilder) from three records.
constexpr std::string_view kForeignBatch =
    "0000000000000000000000b6000000000229cc93640000000000020000018bcfe5687b0000018bcfe58f0f0000"
    "00000000126700030000001100000003540000000e747275636b2d37187b226c6174223a35322e357d040a7472"
    "616365066162630a656d707479000c002d02010000a20100a89a010404c3a98c01787878787878787878787878"
    "787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878"
    "7878787878787878787878787800";

std::vector<std::byte> from_hex(std::string_view hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

struct Plain {
  std::int64_t offset;
  std::int64_t timestamp_ms;
  std::optional<std::string> key;
  std::string value;
  std::vector<std::pair<std::string, std::string>> headers;
  bool operator==(const Plain&) const = default;
};

base::Result<std::vector<Plain>> records_of(std::span<const std::byte> batch) {
  std::vector<Plain> records;
  TRY(for_each_record(batch, [&](const RecordView& record) {
    Plain& plain = records.emplace_back(
        Plain{record.offset, record.timestamp_ms, {}, std::string(record.value), {}});
    if (record.key) plain.key = std::string(*record.key);
    for (const HeaderView& header : record.headers)
      plain.headers.emplace_back(header.key, header.value);
  }));
  return records;
}

// Bit by bit, as RFC 3720 defines it.
std::uint32_t slow_crc32c(std::span<const std::byte> data) {
  std::uint32_t crc = ~0U;
  for (const std::byte byte : data) {
    crc ^= static_cast<std::uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0x82F63B78U : 0U);
  }
  return ~crc;
}

TEST(RecordBatch, ReadsABatchOfAnotherImplementation) {
  const auto batch = from_hex(kForeignBatch);
  const auto header = check_batch(batch);
  ASSERT_OK(header);
  EXPECT_EQ(header->size(), 194U);
  EXPECT_EQ(header->producer_id, 4711);
  EXPECT_EQ(header->producer_epoch, 3);
  EXPECT_EQ(header->base_sequence, 17);
  EXPECT_EQ(header->base_timestamp_ms, 1'700'000'000'123);
  EXPECT_EQ(header->max_timestamp_ms, 1'700'000'009'999);
  EXPECT_EQ(header->last_offset(), 2);
  const auto records = records_of(batch);
  ASSERT_OK(records);
  const std::vector<Plain> expected{
      {0, 1'700'000'000'123, "truck-7", "{\"lat\":52.5}", {{"trace", "abc"}, {"empty", ""}}},
      {1, 1'700'000'000'100, std::nullopt, "", {}},
      {2, 1'700'000'009'999, "\xc3\xa9", std::string(70, 'x'), {}}};
  EXPECT_EQ(*records, expected);
}

TEST(RecordBatch, BuildsTheVeryBytesOfAnotherImplementation) {
  BatchBuilder builder;
  const std::vector<HeaderView> headers{{"trace", "abc"}, {"empty", ""}};
  builder.add("truck-7", "{\"lat\":52.5}", 1'700'000'000'123, headers);
  builder.add(std::nullopt, "", 1'700'000'000'100);
  builder.add("\xc3\xa9", std::string(70, 'x'), 1'700'000'009'999);
  builder.set_producer(4711, 3, 17);
  auto built = builder.finish();
  set_base_offset(built, 0);
  EXPECT_EQ(built, from_hex(kForeignBatch));
}

TEST(RecordBatch, ReadsABatchThatIsWrittenOutByteByByte) {
  auto batch = from_hex(
      "0000000000000007"  // base offset 7
      "0000003a"          // length: 49 of the header and 9 of the record
      "00000000"          // leader epoch
      "02"                // magic
      "00000000"          // crc, filled in below
      "0000"              // attributes
      "00000000"          // last offset delta
      "0000000000000064"  // base timestamp 100
      "0000000000000064"  // max timestamp 100
      "ffffffffffffffff"  // no producer
      "ffff"
      "ffffffff"
      "00000001"  // one record:
      "10"
      "00"
      "00"
      "00"
      "02"
      "6b"
      "02"
      "76"
      "00");  // 8 bytes, attributes, deltas, k, v, no headers
  const std::uint32_t crc = slow_crc32c(std::span(batch).subspan(21));
  for (std::size_t i = 0; i < 4; ++i) batch[17 + i] = static_cast<std::byte>(crc >> (24 - 8 * i));
  ASSERT_OK(check_batch(batch));
  const auto records = records_of(batch);
  ASSERT_OK(records);
  EXPECT_EQ(*records, (std::vector<Plain>{{7, 100, "k", "v", {}}}));
}

TEST(RecordBatch, IsRefusedAtEveryPointOfTruncation) {
  const auto batch = from_hex(kForeignBatch);
  for (std::size_t size = 0; size < batch.size(); ++size) {
    const auto part = std::span(batch).first(size);
    const auto checked = check_batch(part);
    ASSERT_FALSE(checked.has_value()) << size;
    EXPECT_EQ(checked.error().code, base::Code::kCorrupt);
    EXPECT_FALSE(records_of(part).has_value()) << size;
  }
}

TEST(RecordBatch, IsRefusedWhenAnyByteUnderTheChecksumChanges) {
  const auto batch = from_hex(kForeignBatch);
  for (std::size_t at = 16; at < batch.size(); ++at) {
    auto changed = batch;
    changed[at] ^= std::byte{0x41};
    EXPECT_FALSE(check_batch(changed).has_value()) << at;
    static_cast<void>(records_of(changed));  // any outcome, but within the bytes
  }
}

TEST(RecordBatch, WithBrokenRecordsUnderAGoodChecksumIsRefused) {
  const auto good = from_hex(kForeignBatch);
  for (std::size_t at = kBatchHeaderSize; at < good.size(); ++at) {
    for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      auto batch = good;
      batch[at] = static_cast<std::byte>(value);
      const std::uint32_t crc = slow_crc32c(std::span(batch).subspan(21));
      for (std::size_t i = 0; i < 4; ++i)
        batch[17 + i] = static_cast<std::byte>(crc >> (24 - 8 * i));
      const auto records = records_of(batch);
      if (records) EXPECT_EQ(records->size(), 3U);
    }
  }
}

TEST(RecordBatch, WithARecordCountThatIsNotTheRecordsIsRefused) {
  for (const int count : {0, 2, 4, 100'000}) {
    auto batch = from_hex(kForeignBatch);
    batch[23] = batch[24] = std::byte{0};
    batch[26] = static_cast<std::byte>(count - 1);
    batch[25] = static_cast<std::byte>((count - 1) >> 8);
    for (std::size_t i = 0; i < 4; ++i)
      batch[57 + i] = static_cast<std::byte>(count >> (24 - 8 * i));
    const std::uint32_t crc = slow_crc32c(std::span(batch).subspan(21));
    for (std::size_t i = 0; i < 4; ++i) batch[17 + i] = static_cast<std::byte>(crc >> (24 - 8 * i));
    bool keyless = false;
    EXPECT_FALSE(check_batch(batch).has_value() && check_records(batch, keyless).has_value())
        << count;
  }
}

TEST(RecordBatch, WithACodecThatIsWrongOrUnknownIsRefused) {
  for (const int codec : {1, 2, 3, 4, 5, 6, 7}) {
    auto batch = from_hex(kForeignBatch);
    batch[22] = static_cast<std::byte>(codec);
    const auto records = records_of(batch);
    ASSERT_FALSE(records.has_value()) << codec;
    EXPECT_EQ(records.error().code, codec <= 4 ? base::Code::kCorrupt : base::Code::kUnsupported);
  }
}

TEST(RecordBatch, StopsReadingWhenTheCallerFails) {
  const auto batch = from_hex(kForeignBatch);
  int seen = 0;
  const auto result = for_each_record(batch, [&](const RecordView&) -> base::Result<> {
    if (++seen == 2) return base::fail(base::Code::kCancelled, "enough");
    return {};
  });
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(seen, 2);
}

TEST(PartitionOfKey, FollowsKafkasMurmur2) {
  // The hashes of org.apache.kafka.common.utils.UtilsTest.
  const std::vector<std::pair<std::string, std::int32_t>> cases{
      {"21", -973932308},
      {"foobar", -790332482},
      {"a-little-bit-long-string", -985981536},
      {"a-little-bit-longer-string", -1486304829},
      {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
      {"abc", 479470107}};
  for (const auto& [key, hash] : cases) {
    const auto positive = static_cast<std::int32_t>(static_cast<std::uint32_t>(hash) & 0x7fffffffU);
    for (const int partitions : {1, 4, 7, 2147483647}) {
      EXPECT_EQ(partition_of_key(key, partitions), positive % partitions) << key;
    }
  }
}

}  // namespace
}  // namespace eventlog
