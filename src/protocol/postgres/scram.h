// SCRAM-SHA-256 as a PostgreSQL server speaks it: who knows the password proves it without sending
// it, and the server keeps nothing that would log in elsewhere.
// Source: RFC 5802, RFC 7677; PostgreSQL documentation, "SASL Authentication". Channel binding is
// not offered.
//
// Threads: values; one exchange by one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace protocol::postgres {

inline constexpr int kScramIterations = 4096;
inline constexpr int kScramIterationsMax = 10'000'000;
inline constexpr std::size_t kScramMessageBytesMax = 4096;

// What is kept of a password, as pg_authid.rolpassword has it:
// "SCRAM-SHA-256$4096:SALT$STORED_KEY:SERVER_KEY".
struct ScramVerifier {
  int iterations = kScramIterations;
  std::string salt;  // bytes
  std::string stored_key;
  std::string server_key;
};

// kInvalid when the text is no verifier.
base::Result<ScramVerifier> parse_scram_verifier(std::string_view text);
std::string scram_verifier_text(const ScramVerifier& verifier);
// The password is taken byte by byte: SASLprep changes nothing in ASCII.
ScramVerifier make_scram_verifier(std::string_view password, std::string salt,
                                  int iterations = kScramIterations);
// Unguessable bytes, as text without commas.
std::string scram_nonce();
std::string scram_salt();

// What is known of a user; nullopt: there is none of this name.
using FindUser = std::function<std::optional<ScramVerifier>(const std::string& user)>;

// One log-in. Whoever has no verifier goes through the same steps, and fails at the end.
class ScramExchange {
 public:
  // `user` as the start-up message names it: a client's first message may leave it out.
  ScramExchange(std::string_view user, std::optional<ScramVerifier> verifier, std::string nonce);

  // The client's first message to the server's. kInvalid for what is none, kUnsupported for a
  // channel binding.
  base::Result<std::string> first(std::string_view message);
  // The client's final message to the server's. kNotFound when the proof is wrong.
  base::Result<std::string> last(std::string_view message);

 private:
  bool known_;
  ScramVerifier verifier_;
  std::string nonce_;
  std::string header_;        // the client's GS2 header
  std::string conversation_;  // AuthMessage as far as it has gone
};

}  // namespace protocol::postgres
