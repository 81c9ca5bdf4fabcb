// The codec beside a second implementation: messages that Apache Kafka's Java client has written.
// WAYBILL_KAFKA_MESSAGES names a further file of the same form.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "protocol/kafka/codec.h"

namespace protocol::kafka {
namespace {

struct Golden {
  std::string call;
  std::string direction;
  std::int16_t version = 0;
  std::vector<std::byte> body;

  std::string name() const { return fmt::format("{} {} version {}", call, direction, version); }
};

std::vector<std::byte> from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<std::byte>((digit(hex[i]) << 4) | digit(hex[i + 1])));
  return bytes;
}

std::vector<Golden> read_golden(const std::string& path) {
  std::vector<Golden> all;
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    Golden golden;
    std::string hex;
    words >> golden.call >> golden.direction >> golden.version >> hex;
    golden.body = from_hex(hex);
    all.push_back(std::move(golden));
  }
  return all;
}

const std::vector<Golden>& golden_messages() {
  static const auto all = read_golden(WAYBILL_SOURCE_DIR "/tests/protocol/data/kafka_messages.txt");
  return all;
}

// Decodes and encodes again.
template <class Message>
base::Result<std::vector<std::byte>> again(std::span<const std::byte> body, std::int16_t version) {
  auto message = TRY(decode<Message>(body, version));
  EncodedFrame out;
  encode(message, version, out);
  std::vector<std::byte> bytes;
  for (const auto& chunk : out.chunks()) bytes.insert(bytes.end(), chunk.begin(), chunk.end());
  return bytes;
}

using Again = base::Result<std::vector<std::byte>> (*)(std::span<const std::byte>, std::int16_t);
Again again_for(const Golden& golden) {
#define WAYBILL_AGAIN(Name) \
  {#Name " request", &again<Name##Request>}, {#Name " response", &again<Name##Response>},
  static const std::map<std::string, Again> all = {WAYBILL_KAFKA_CALLS(WAYBILL_AGAIN)};
#undef WAYBILL_AGAIN
  return all.at(golden.call + " " + golden.direction);
}

void expect_same_bytes(const std::vector<Golden>& messages) {
  for (const Golden& golden : messages) {
    const auto bytes = again_for(golden)(golden.body, golden.version);
    ASSERT_TRUE(bytes) << golden.name() << ": " << bytes.error().to_string();
    ASSERT_EQ(*bytes, golden.body) << golden.name();
  }
}

TEST(KafkaGolden, HoldsEveryVersionOfEveryCallInBothDirections) {
  std::set<std::string> there;
  for (const Golden& golden : golden_messages()) there.insert(golden.name());
  for (const CallShape& call : kCalls) {
    for (std::int16_t version = call.version_min; version <= call.version_max; ++version) {
      EXPECT_TRUE(there.contains(fmt::format("{} request version {}", call.name, version)))
          << call.name << version;
      EXPECT_TRUE(there.contains(fmt::format("{} response version {}", call.name, version)))
          << call.name << version;
    }
  }
}

TEST(KafkaGolden, EveryMessageIsWrittenAgainAsItCame) {
  ASSERT_GT(golden_messages().size(), 700U);
  expect_same_bytes(golden_messages());
  const char* more = std::getenv("WAYBILL_KAFKA_MESSAGES");
  if (more != nullptr) expect_same_bytes(read_golden(more));
}

TEST(KafkaGolden, AMessageThatIsCutAnywhereIsAnError) {
  for (const Golden& golden : golden_messages()) {
    const auto read = again_for(golden);
    for (std::size_t size = 0; size < golden.body.size(); ++size) {
      // Memory of its own, so that a sanitizer sees a read behind the end.
      const std::vector<std::byte> cut(golden.body.begin(),
                                       golden.body.begin() + static_cast<std::ptrdiff_t>(size));
      ASSERT_FALSE(read(cut, golden.version)) << golden.name() << " cut at " << size;
    }
  }
}

TEST(KafkaGolden, AByteBehindTheLastFieldIsIgnoredInARequestAndAnErrorInAResponse) {
  for (const Golden& golden : golden_messages()) {
    auto longer = golden.body;
    longer.push_back(std::byte{0});
    const auto bytes = again_for(golden)(longer, golden.version);
    ASSERT_EQ(bytes.has_value(), golden.direction == "request") << golden.name();
    if (bytes) ASSERT_EQ(*bytes, golden.body) << golden.name();
  }
}

TEST(KafkaGolden, AMessageWithChangedBytesIsReadOrRefused) {
  std::mt19937 random(20261123);
  for (const Golden& golden : golden_messages()) {
    const auto read = again_for(golden);
    for (int round = 0; round < 50 && !golden.body.empty(); ++round) {
      auto changed = golden.body;
      for (int change = 0; change <= round % 3; ++change)
        changed[random() % changed.size()] = static_cast<std::byte>(random());
      const auto bytes = read(changed, golden.version);
      if (!bytes) EXPECT_FALSE(bytes.error().mend.empty());
    }
  }
}

TEST(KafkaGolden, UnknownTaggedFieldsAreSkipped) {
  // DescribeCluster request version 0: a bool, then a tag buffer with field 9 of three bytes.
  const auto body = from_hex(
      "01"
      "01"
      "09"
      "03"
      "aabbcc");
  const auto request = decode<DescribeClusterRequest>(body, 0);
  ASSERT_TRUE(request) << request.error().to_string();
  EXPECT_TRUE(request->include_cluster_authorized_operations);
}

TEST(KafkaGolden, AbsurdLengthsAreRefusedBeforeAnythingIsAllocated) {
  const auto error = [](std::string_view hex, std::int16_t version) {
    const auto request = decode<MetadataRequest>(from_hex(hex), version);
    return request ? std::string("read") : request.error().to_string();
  };
  EXPECT_NE(error("7fffffff", 1).find("an array of 2147483647 elements, 0 bytes are left"),
            std::string::npos);
  EXPECT_NE(error("fffffff0", 1).find("a length of -16"), std::string::npos);
  EXPECT_NE(error("ffffffff0f", 9).find("elements"), std::string::npos);
  EXPECT_NE(error("ffffffffffff", 9).find("more than 32 bits"), std::string::npos);
  // A frame of 2 MB whose array would take 64 MB.
  std::string many = "00200000";
  many.append(4UL << 20, '0');
  EXPECT_NE(error(many, 1).find("takes more than"), std::string::npos);
}

}  // namespace
}  // namespace protocol::kafka
