// Nexmark's events: people who open auctions, auctions, bids on them, in the proportions and with
// the skew that the benchmark's published generator has, as JSON.
//
// Source: NEXMark (Tucker, Tufte, Papadimos, Maier) as the Nexmark project for Flink generates it,
// with its default configuration. Of 50 events 1 is a person, 3 are auctions, 46 are bids; half of
// the bids go to one hot auction, three quarters come from one hot bidder, three quarters of the
// auctions are a hot seller's; hot ones change every hundred. Event times are in order.
//
// A generator is a function of its seed: event n is the same in every run. Threads: one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nexmark {

enum class Kind : std::uint8_t { kPerson, kAuction, kBid };
inline constexpr int kKinds = 3;
const char* name_of(Kind kind);  // "person": the topic

struct Settings {
  std::uint64_t seed = 1;
  std::int64_t events_per_second = 10'000;    // of event time
  std::int64_t start_ms = 1'790'000'000'000;  // of the first event
};

struct Event {
  Kind kind = Kind::kBid;
  std::int64_t time_ms = 0;
  std::int64_t key = 0;  // the person's or auction's id; of a bid the auction
  std::string json;
};

class Generator {
 public:
  explicit Generator(const Settings& settings);
  // The next event, in `event`, whose memory is used again.
  void next(Event& event);

 private:
  // SplitMix64 (Steele, Lea, Flood).
  class Random {
   public:
    explicit Random(std::uint64_t state) : state_(state) {}
    std::uint64_t next();
    std::int64_t below(std::int64_t n);
    double unit();  // 0 … 1

   private:
    std::uint64_t state_;
  };

  void person(Event& event);
  void auction(Event& event);
  void bid(Event& event);
  std::int64_t last_person() const;   // base 0
  std::int64_t last_auction() const;  // base 0
  std::int64_t some_person();
  std::int64_t some_auction();
  std::int64_t price();
  std::int64_t time_of(std::int64_t number) const;
  void append_word(int length_max, char gap, std::string& out);
  void append_extra(std::size_t so_far, std::size_t average, std::string& out);
  std::string url();

  Settings settings_;
  Random random_;
  std::int64_t number_ = 0;
  std::string letters_;                  // where `extra` is cut from
  std::vector<std::string> hot_urls_;    // of the hot channels
  std::vector<std::string> other_urls_;  // of channel-0, channel-1, …
};

}  // namespace nexmark
