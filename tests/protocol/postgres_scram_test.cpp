#include <gtest/gtest.h>

#include "protocol/postgres/scram.h"

namespace protocol::postgres {
namespace {

// RFC 7677, section 3.
constexpr std::string_view kSalt =
    "\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81";

TEST(PostgresScram, GoesThroughTheExampleOfTheRfc) {
  ScramExchange exchange("user", make_scram_verifier("pencil", std::string(kSalt)),
                         "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
  const auto first = exchange.first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  ASSERT_TRUE(first);
  EXPECT_EQ(
      *first,
      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
  const auto last = exchange.last(
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
      "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  ASSERT_TRUE(last);
  EXPECT_EQ(*last, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

TEST(PostgresScram, RefusesAWrongProofAndAUserThatIsNobody) {
  const std::optional<ScramVerifier> verifiers[] = {make_scram_verifier("pen", std::string(kSalt)),
                                                    std::nullopt};
  for (const auto& verifier : verifiers) {
    ScramExchange exchange("user", verifier, "abc");
    ASSERT_TRUE(exchange.first("n,,n=user,r=xyz"));
    const auto last =
        exchange.last("c=biws,r=xyzabc,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().code, base::Code::kNotFound);
  }
}

// Otherwise two attempts tell whether there is such a user.
TEST(PostgresScram, ANameThatIsNobodysKeepsItsSalt) {
  const auto salt = [](const std::string& user) {
    ScramExchange exchange(user, std::nullopt, scram_nonce());
    const auto first = exchange.first("n,,n=,r=xyz");
    return first ? first->substr(first->find(",s=")) : first.error().message;
  };
  EXPECT_EQ(salt("anna"), salt("anna"));
  EXPECT_NE(salt("anna"), salt("bert"));
}

TEST(PostgresScram, RefusesMessagesThatAreNone) {
  const char* const firsts[] = {
      "", "n", "x,,n=u,r=a", "n,,r=a", "n,,", "n,,n=u,r=", "p=tls-server-end-point,,n=u,r=a"};
  for (const char* const message : firsts) {
    ScramExchange exchange("user", std::nullopt, "abc");
    EXPECT_FALSE(exchange.first(message)) << message;
  }
  const char* const lasts[] = {"",
                               "c=biws,r=xyzabc",
                               "c=biws,r=other,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                               "c=eSws,r=xyzabc,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                               "c=biws,r=xyzabc,p=AAAA",
                               "c=biws,r=xyzabc,p=!!!!"};
  for (const char* const message : lasts) {
    ScramExchange exchange("user", make_scram_verifier("pencil", "salt"), "abc");
    ASSERT_TRUE(exchange.first("n,,n=user,r=xyz"));
    const auto last = exchange.last(message);
    ASSERT_FALSE(last) << message;
    EXPECT_EQ(last.error().code, base::Code::kInvalid) << message;
  }
}

TEST(PostgresScram, AVerifierIsTheTextThatPostgresqlKeeps) {
  const auto made = make_scram_verifier("pencil", std::string(kSalt));
  const std::string text = scram_verifier_text(made);
  EXPECT_TRUE(text.starts_with("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"));
  const auto read = parse_scram_verifier(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->stored_key, made.stored_key);
  EXPECT_EQ(read->server_key, made.server_key);
  EXPECT_EQ(read->salt, made.salt);
  for (std::size_t cut = 0; cut + 1 < text.size(); ++cut)
    EXPECT_FALSE(parse_scram_verifier(text.substr(0, cut))) << cut;
}

}  // namespace
}  // namespace protocol::postgres
