#include "protocol/postgres/scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <charconv>

#include "base/check.h"

namespace protocol::postgres {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kRandomBytes = 18;  // 24 letters of base64
constexpr std::size_t kSaltBytes = 16;
constexpr std::string_view kPrefix = "SCRAM-SHA-256$";

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string hmac(std::string_view key, std::string_view text) {
  std::string out(kKeyBytes, '\0');
  unsigned size = 0;
  const auto* done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text),
                          text.size(), reinterpret_cast<unsigned char*>(out.data()), &size);
  CHECK(done != nullptr && size == kKeyBytes);
  return out;
}

std::string sha256(std::string_view text) {
  std::string out(kKeyBytes, '\0');
  CHECK(EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(out.data()), nullptr,
                   EVP_sha256(), nullptr) == 1);
  return out;
}

std::string to_base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // and the zero that OpenSSL writes
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(bytes),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0 || text.size() > kScramMessageBytesMax) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(text),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  out.resize(static_cast<std::size_t>(size) - std::min(padding, static_cast<std::size_t>(size)));
  return out;
}

std::string random_bytes(std::size_t count) {
  std::string out(count, '\0');
  CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(count)) == 1);
  return out;
}

std::unexpected<base::Error> broken() {
  return base::fail_with(base::Code::kInvalid, "malformed SCRAM message",
                         "connect with a client that speaks SCRAM-SHA-256");
}

// "r=abc" off the front of `message`, up to the next comma.
std::optional<std::string_view> take_attribute(std::string_view& message, char name) {
  if (message.size() < 2 || message[0] != name || message[1] != '=') return std::nullopt;
  const auto end = std::min(message.find(','), message.size());
  const auto value = message.substr(2, end - 2);
  message.remove_prefix(std::min(end + 1, message.size()));
  return value;
}

// The user that nobody is: its steps look like those of any other, with a salt that stays the same
// for a name as long as the process lives.
ScramVerifier of_nobody(std::string_view user) {
  static const std::string kSecret = random_bytes(kKeyBytes);
  ScramVerifier verifier;
  verifier.salt = hmac(kSecret, user).substr(0, kSaltBytes);
  verifier.stored_key = std::string(kKeyBytes, '\0');
  verifier.server_key = verifier.stored_key;
  return verifier;
}

}  // namespace

std::string scram_nonce() { return to_base64(random_bytes(kRandomBytes)); }
std::string scram_salt() { return random_bytes(kSaltBytes); }

ScramVerifier make_scram_verifier(std::string_view password, std::string salt, int iterations) {
  std::string salted(kKeyBytes, '\0');
  CHECK(PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), bytes_of(salt),
                          static_cast<int>(salt.size()), iterations, EVP_sha256(), kKeyBytes,
                          reinterpret_cast<unsigned char*>(salted.data())) == 1);
  return {.iterations = iterations,
          .salt = std::move(salt),
          .stored_key = sha256(hmac(salted, "Client Key")),
          .server_key = hmac(salted, "Server Key")};
}

std::string scram_verifier_text(const ScramVerifier& verifier) {
  return fmt::format("{}{}:{}${}:{}", kPrefix, verifier.iterations, to_base64(verifier.salt),
                     to_base64(verifier.stored_key), to_base64(verifier.server_key));
}

base::Result<ScramVerifier> parse_scram_verifier(std::string_view text) {
  const auto wrong = base::fail_with(
      base::Code::kInvalid, "the text is no SCRAM-SHA-256 verifier",
      "copy it from pg_authid.rolpassword: SCRAM-SHA-256$4096:SALT$STORED_KEY:SERVER_KEY");
  if (!text.starts_with(kPrefix) || text.size() > kScramMessageBytesMax) return wrong;
  text.remove_prefix(kPrefix.size());
  ScramVerifier verifier;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), verifier.iterations);
  if (read.ec != std::errc{} || verifier.iterations < 1 ||
      verifier.iterations > kScramIterationsMax) {
    return wrong;
  }
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
  const auto dollar = text.find('$');
  const auto colon = dollar == std::string_view::npos ? dollar : text.find(':', dollar);
  if (!text.starts_with(':') || colon == std::string_view::npos) return wrong;
  const auto salt = from_base64(text.substr(1, dollar - 1));
  const auto stored = from_base64(text.substr(dollar + 1, colon - dollar - 1));
  const auto server = from_base64(text.substr(colon + 1));
  if (!salt || salt->empty() || !stored || stored->size() != kKeyBytes || !server ||
      server->size() != kKeyBytes) {
    return wrong;
  }
  verifier.salt = *salt;
  verifier.stored_key = *stored;
  verifier.server_key = *server;
  return verifier;
}

ScramExchange::ScramExchange(std::string_view user, std::optional<ScramVerifier> verifier,
                             std::string nonce)
    : known_(verifier.has_value()),
      verifier_(verifier ? *std::move(verifier) : of_nobody(user)),
      nonce_(std::move(nonce)) {}

base::Result<std::string> ScramExchange::first(std::string_view message) {
  // "n,," or "y,,", the user (which the start-up message has named already) and a nonce.
  if (message.starts_with("p=")) {
    return base::fail_with(base::Code::kUnsupported, "channel binding is not offered",
                           "connect with channel_binding=prefer");
  }
  if (message.size() > kScramMessageBytesMax || message.size() < 3 || message[1] != ',' ||
      (message[0] != 'n' && message[0] != 'y')) {
    return broken();
  }
  const auto second_comma = message.find(',', 2);
  if (second_comma == std::string_view::npos) return broken();
  header_ = message.substr(0, second_comma + 1);
  message.remove_prefix(second_comma + 1);
  const std::string bare(message);
  const auto user = take_attribute(message, 'n');
  const auto nonce = take_attribute(message, 'r');
  if (!user || !nonce || nonce->empty()) return broken();
  nonce_ = std::string(*nonce) + nonce_;
  const std::string answer =
      fmt::format("r={},s={},i={}", nonce_, to_base64(verifier_.salt), verifier_.iterations);
  conversation_ = bare + "," + answer + ",";
  return answer;
}

base::Result<std::string> ScramExchange::last(std::string_view message) {
  const auto proof_at = message.rfind(",p=");
  if (message.size() > kScramMessageBytesMax || proof_at == std::string_view::npos) return broken();
  const std::string_view bare = message.substr(0, proof_at);
  std::string_view rest = message;
  const auto binding = take_attribute(rest, 'c');
  const auto nonce = take_attribute(rest, 'r');
  const auto proof = from_base64(message.substr(proof_at + 3));
  if (!binding || !nonce || !proof || proof->size() != kKeyBytes) return broken();
  if (from_base64(*binding) != header_ || *nonce != nonce_) return broken();
  conversation_ += bare;
  // The client's key is what the proof hides behind the signature; its hash is what is kept.
  const std::string signature = hmac(verifier_.stored_key, conversation_);
  std::string client_key = *proof;
  for (std::size_t i = 0; i < kKeyBytes; ++i)
    client_key[i] = static_cast<char>(client_key[i] ^ signature[i]);
  const std::string key = sha256(client_key);
  const bool same = CRYPTO_memcmp(key.data(), verifier_.stored_key.data(), kKeyBytes) == 0;
  if (!same || !known_) return base::fail(base::Code::kNotFound, "the password is not the user's");
  return "v=" + to_base64(hmac(verifier_.server_key, conversation_));
}

}  // namespace protocol::postgres
