#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "protocol/kafka/codec.h"
#include "protocol/kafka/frame_reader.h"

namespace protocol::kafka {
namespace {

constexpr std::size_t kMax = 1UL << 20;

std::string framed(std::string_view body) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(body.size() >> static_cast<unsigned>(shift)));
  return out.append(body);
}

std::string text(const Frame& frame) {
  return {reinterpret_cast<const char*>(frame.bytes().data()), frame.bytes().size()};
}

// Feeds in pieces of at most `piece` bytes and takes every frame as soon as it is there.
std::vector<std::string> frames_of(FrameReader& reader, std::string_view stream,
                                   std::size_t piece) {
  std::vector<std::string> frames;
  while (!stream.empty()) {
    const auto room = reader.buffer();
    const std::size_t size = std::min({piece, room.size(), stream.size()});
    EXPECT_GT(size, 0U);
    std::memcpy(room.data(), stream.data(), size);
    reader.commit(size);
    stream.remove_prefix(size);
    while (true) {
      auto frame = reader.next();
      EXPECT_TRUE(frame.has_value()) << frame.error().to_string();
      if (!frame || !*frame) break;
      frames.push_back(text(**frame));
    }
  }
  return frames;
}

base::Error error_of(std::string_view stream) {
  FrameReader reader(kMax);
  std::memcpy(reader.buffer().data(), stream.data(), stream.size());
  reader.commit(stream.size());
  auto frame = reader.next();
  EXPECT_FALSE(frame.has_value());
  return frame ? base::Error{} : frame.error();
}

TEST(KafkaFrameReader, GivesTheSameFramesHoweverTheStreamIsCut) {
  std::vector<std::string> bodies = {"",
                                     "a",
                                     "four",
                                     std::string(3000, 'x'),
                                     std::string(kReadBufferBytes - 4, 'y'),
                                     std::string(kReadBufferBytes, 'z'),
                                     std::string(100'000, 'L'),
                                     "last"};
  std::string stream;
  for (const auto& body : bodies) stream += framed(body);
  for (const std::size_t piece : {1UL, 2UL, 3UL, 5UL, 7UL, 1000UL, 4096UL, 16384UL, 1000000UL}) {
    FrameReader reader(kMax);
    EXPECT_EQ(frames_of(reader, stream, piece), bodies) << "in pieces of " << piece;
    EXPECT_EQ(reader.pending(), 0U);
  }
}

TEST(KafkaFrameReader, SaysThatAStreamEndsInTheMiddleOfAFrame) {
  FrameReader reader(kMax);
  EXPECT_TRUE(frames_of(reader, framed("whole").substr(0, 7), 100).empty());
  EXPECT_EQ(reader.pending(), 3U);
}

TEST(KafkaFrameReader, TakesAFrameOfTheMaximumAndRefusesOneByteMore) {
  FrameReader reader(kMax);
  EXPECT_EQ(frames_of(reader, framed(std::string(kMax, 'x')), 65536).size(), 1U);
  const auto error = error_of(std::string("\x00\x10\x00\x01", 4));
  EXPECT_EQ(error.code, base::Code::kLimit);
  EXPECT_NE(error.to_string().find("a Kafka frame of 1048577 bytes, at most 1048576"),
            std::string::npos);
}

TEST(KafkaFrameReader, NamesThePeersThatDoNotSpeakKafka) {
  EXPECT_NE(error_of("GET / HTTP/1.1\r\n").message.find("HTTP"), std::string::npos);
  EXPECT_NE(error_of("\x16\x03\x01\x02").message.find("TLS"), std::string::npos);
  EXPECT_EQ(error_of("\xFF\xFF\xFF\xFF").code, base::Code::kInvalid);
}

}  // namespace
}  // namespace protocol::kafka
