#include <gtest/gtest.h>

#include <string>

#include "protocol/kafka/codec.h"

namespace protocol::kafka {
namespace {

std::vector<std::byte> joined(const EncodedFrame& frame) {
  std::vector<std::byte> all;
  for (const auto& chunk : frame.chunks()) all.insert(all.end(), chunk.begin(), chunk.end());
  return all;
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST(KafkaCodec, SplicesRecordsIntoAFetchResponseWithoutACopy) {
  const std::string first = "first batch";
  const std::string second = "second batch";
  FetchResponse response;
  auto& topic = response.responses.emplace_back();
  topic.topic = "scans";
  for (int i = 0; i < 3; ++i) topic.partitions.push_back({.partition_index = i});
  topic.partitions[0].records = Records{.chunks = {bytes_of(first), bytes_of(second)}};
  topic.partitions[2].records = Records{.chunks = {bytes_of(second)}};

  const auto frame = encode_response(response, 12, 7);
  ASSERT_EQ(frame.splices.size(), 3U);
  EXPECT_EQ(frame.splices[0].records.data(), bytes_of(first).data());
  const auto all = joined(frame);
  EXPECT_EQ(all.size(), frame.size());

  const auto header =
      decode_response_header(std::span(all).subspan(kFrameLengthBytes), FetchResponse::kCall, 12);
  ASSERT_TRUE(header) << header.error().to_string();
  EXPECT_EQ(header->correlation_id, 7);
  const auto back = decode<FetchResponse>(header->body, 12);
  ASSERT_TRUE(back) << back.error().to_string();
  ASSERT_EQ(back->responses.size(), 1U);
  ASSERT_EQ(back->responses[0].partitions.size(), 3U);
  EXPECT_EQ(back->responses[0].partitions[0].records->size(), first.size() + second.size());
  EXPECT_EQ(back->responses[0].partitions[1].records->size(), 0U);
}

TEST(KafkaCodec, KeepsTheProducedRecordsInTheFrameOfTheRequest) {
  const std::string records = "one record batch";
  ProduceRequest request{.acks = -1, .timeout_ms = 1000};
  auto& topic = request.topic_data.emplace_back();
  topic.name = "scans";
  topic.partition_data.push_back({.index = 3, .records = Records{.chunks = {bytes_of(records)}}});
  const auto all = joined(encode_request(request, 9, 11, "client"));

  const auto framed = decode_request_header(std::span(all).subspan(kFrameLengthBytes));
  ASSERT_TRUE(framed) << framed.error().to_string();
  EXPECT_EQ(framed->header.client_id, "client");
  const auto back = decode<ProduceRequest>(framed->body, 9);
  ASSERT_TRUE(back) << back.error().to_string();
  const auto chunk = back->topic_data.at(0).partition_data.at(0).records->chunks.at(0);
  EXPECT_GE(chunk.data(), all.data());
  EXPECT_LE(chunk.data() + chunk.size(), all.data() + all.size());
  EXPECT_EQ(chunk.size(), records.size());
}

TEST(KafkaCodec, ReadsTheHeaderOfAnApiVersionsRequestOfAVersionNobodyKnows) {
  // key 18, version 99, correlation 5, client id "x", an empty tag buffer, then what nobody knows
  const std::string frame("\x00\x12\x00\x63\x00\x00\x00\x05\x00\x01x\x00???", 15);
  const auto framed = decode_request_header(bytes_of(frame));
  ASSERT_TRUE(framed) << framed.error().to_string();
  EXPECT_EQ(framed->header.api_version, 99);
  EXPECT_EQ(framed->header.correlation_id, 5);
  const auto body = decode<ApiVersionsRequest>(framed->body, 99);
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().code, base::Code::kUnsupported);
}

TEST(KafkaCodec, AnswersApiVersionsUnderTheOldHeaderInEveryVersion) {
  EXPECT_FALSE(ApiVersionsRequest::kCall.flexible_response_header(3));
  EXPECT_TRUE(MetadataRequest::kCall.flexible_response_header(9));
  EXPECT_FALSE(MetadataRequest::kCall.flexible_response_header(8));
}

TEST(KafkaCodec, WritesNullAsEmptyWhereTheVersionHasNoNull) {
  JoinGroupResponse response{.protocol_name = std::nullopt};
  for (const auto version : {std::int16_t{6}, std::int16_t{7}}) {
    EncodedFrame out;
    encode(response, version, out);
    const auto back = decode<JoinGroupResponse>(out.bytes, version);
    ASSERT_TRUE(back) << back.error().to_string();
    EXPECT_EQ(back->protocol_name.has_value(), version < 7);
  }
}

TEST(KafkaCodec, NamesErrorsAsTheProtocolDoes) {
  EXPECT_EQ(error_name(ErrorCode::kUnknownServerError), "UNKNOWN_SERVER_ERROR");
  EXPECT_EQ(error_name(ErrorCode::kNone), "NONE");
  EXPECT_EQ(error_name(ErrorCode::kMemberIdRequired), "MEMBER_ID_REQUIRED");
  EXPECT_EQ(error_name(static_cast<ErrorCode>(9999)), "UNKNOWN");
}

}  // namespace
}  // namespace protocol::kafka
