#include <gtest/gtest.h>

#include <random>

#include "protocol/postgres/backend.h"
#include "protocol/postgres/frontend.h"

namespace protocol::postgres {
namespace {

std::string startup(std::uint32_t code, std::string_view body) {
  std::string out;
  append_u32(out, static_cast<std::uint32_t>(body.size() + 8));
  append_u32(out, code);
  return out.append(body);
}

std::string framed(char type, std::string_view body) {
  std::string out(1, type);
  append_u32(out, static_cast<std::uint32_t>(body.size() + 4));
  return out.append(body);
}

std::string zero_ended(std::string_view text) { return std::string(text) + '\0'; }

std::string bind_body() {
  std::string body = zero_ended("portal") + zero_ended("statement");
  append_u16(body, 2);
  append_u16(body, 0);
  append_u16(body, 1);
  append_u16(body, 2);
  append_null(body);
  append_value(body, std::string_view("\0\1", 2));
  append_u16(body, 1);
  append_u16(body, 1);
  return body;
}

std::string parse_body() {
  std::string body = zero_ended("s") + zero_ended("SELECT $1");
  append_u16(body, 1);
  append_u32(body, 23);
  return body;
}

std::string execute_body() {
  std::string body = zero_ended("p");
  append_u32(body, 100);
  return body;
}

constexpr std::uint32_t kVersion3 = 3 << 16;

std::string conversation() {
  return startup(80877103, "") + startup(kVersion3, zero_ended("user") + zero_ended("u") + '\0') +
         framed('Q', zero_ended("SELECT 1")) + framed('P', parse_body()) +
         framed('B', bind_body()) + framed('D', 'S' + zero_ended("s")) +
         framed('E', execute_body()) + framed('C', 'P' + zero_ended("p")) + framed('H', "") +
         framed('S', "") + framed('d', "copy") + framed('p', zero_ended("pw")) + framed('X', "");
}

std::vector<std::size_t> kinds_of(FrontendDecoder& decoder) {
  std::vector<std::size_t> kinds;
  while (true) {
    const auto message = decoder.next();
    EXPECT_TRUE(message.has_value()) << message.error().to_string();
    if (!message || !*message) return kinds;
    kinds.push_back((*message)->index());
  }
}

template <class Message>
constexpr std::size_t kind() {
  return FrontendMessage(Message{}).index();
}

TEST(PostgresFrontend, ReadsTheSameMessagesHoweverTheBytesAreSplit) {
  const auto bytes = conversation();
  const std::vector<std::size_t> want = {
      kind<SslRequest>(), kind<Startup>(),  kind<Query>(),    kind<Parse>(), kind<Bind>(),
      kind<Describe>(),   kind<Execute>(),  kind<Close>(),    kind<Flush>(), kind<Sync>(),
      kind<Unspoken>(),   kind<Password>(), kind<Terminate>()};
  for (std::size_t split = 0; split <= bytes.size(); ++split) {
    FrontendDecoder decoder;
    decoder.feed(std::string_view(bytes).substr(0, split));
    auto kinds = kinds_of(decoder);
    decoder.feed(std::string_view(bytes).substr(split));
    const auto rest = kinds_of(decoder);
    kinds.insert(kinds.end(), rest.begin(), rest.end());
    EXPECT_EQ(kinds, want) << "split at " << split;
    EXPECT_EQ(decoder.buffered(), 0U);
  }
}

TEST(PostgresFrontend, ReadsEachFieldOfBind) {
  FrontendDecoder decoder;
  decoder.feed(startup(kVersion3, std::string_view("\0", 1)) + framed('B', bind_body()));
  ASSERT_TRUE(decoder.next().has_value());
  const auto message = decoder.next();
  ASSERT_TRUE(message.has_value() && message->has_value());
  const auto& bind = std::get<Bind>(**message);
  EXPECT_EQ(bind.portal, "portal");
  EXPECT_EQ(bind.statement, "statement");
  EXPECT_EQ(bind.parameter_formats, (std::vector{Format::kText, Format::kBinary}));
  ASSERT_EQ(bind.parameters.size(), 2U);
  EXPECT_EQ(bind.parameters[0], std::nullopt);
  EXPECT_EQ(bind.parameters[1], std::string("\0\1", 2));
  EXPECT_EQ(bind.result_formats, (std::vector{Format::kBinary}));
}

TEST(PostgresFrontend, RefusesBrokenMessages) {
  std::string many_parameters = zero_ended("") + zero_ended("");
  append_u16(many_parameters, 0);
  append_u16(many_parameters, 65'535);
  std::string negative_size = many_parameters;
  negative_size.resize(2);
  append_u16(negative_size, 0);
  append_u16(negative_size, 1);
  append_u32(negative_size, 0xFFFFFFFE);
  append_u16(negative_size, 0);
  std::string huge = "Q";
  append_u32(huge, static_cast<std::uint32_t>(kMessageBytesMax + 1));
  std::string huge_sync = "S";
  append_u32(huge_sync, static_cast<std::uint32_t>(kSmallMessageBytesMax + 1));
  std::string short_length = "S";
  append_u32(short_length, 3);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"an unknown type", framed('?', "")},
      {"a text without its end", framed('Q', "SELECT 1")},
      {"bytes after the end", framed('S', "x")},
      {"more parameters than bytes", framed('B', many_parameters)},
      {"a negative size", framed('B', negative_size)},
      {"an unknown target", framed('D', 'X' + zero_ended("s"))},
      {"a message beyond the limit", huge},
      {"a Sync beyond the limit", huge_sync},
      {"a length below its own size", short_length},
  };
  for (const auto& [name, bytes] : cases) {
    FrontendDecoder decoder;
    decoder.feed(startup(kVersion3, std::string_view("\0", 1)));
    ASSERT_TRUE(decoder.next().has_value());
    decoder.feed(bytes);
    EXPECT_FALSE(decoder.next().has_value()) << name;
  }
}

TEST(PostgresFrontend, RefusesStartUpsThatAreTooLongTooShortOrOfAnotherVersion) {
  std::string too_long;
  append_u32(too_long, kStartupBytesMax + 1);
  std::string too_short;
  append_u32(too_short, 7);
  for (const auto& bytes :
       {too_long, too_short, startup(2 << 16, ""), startup(kVersion3, "user")}) {
    FrontendDecoder decoder;
    decoder.feed(bytes);
    EXPECT_FALSE(decoder.next().has_value());
  }
}

TEST(PostgresFrontend, LivesThroughRandomBytes) {
  const auto seed = std::random_device{}();
  std::mt19937 random(seed);
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  const auto good = conversation();
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = good;
    for (std::size_t change = 0; change < 1 + random() % 4; ++change) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    FrontendDecoder decoder;
    std::size_t fed = 0;
    bool broken = false;
    while (fed < bytes.size() && !broken) {
      const auto size = std::min<std::size_t>(1 + random() % 40, bytes.size() - fed);
      decoder.feed(std::string_view(bytes).substr(fed, size));
      fed += size;
      for (bool more = true; more && !broken;) {
        const auto message = decoder.next();
        broken = !message.has_value();
        more = !broken && message->has_value();
      }
    }
    EXPECT_LE(decoder.buffered(), bytes.size());
  }
}

}  // namespace
}  // namespace protocol::postgres
