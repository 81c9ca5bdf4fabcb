#include "nexmark/generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

namespace nexmark {
namespace {

// The published proportions, of kTotal events.
constexpr std::int64_t kPersons = 1;
constexpr std::int64_t kAuctions = 3;
constexpr std::int64_t kTotal = 50;

constexpr std::int64_t kFirstId = 1000;  // of people and of auctions
constexpr std::int64_t kFirstCategory = 10;
constexpr std::int64_t kCategories = 5;
constexpr std::int64_t kHotEvery = 100;  // one of so many people or auctions is a hot one
constexpr std::int64_t kHotSellersRatio = 4;
constexpr std::int64_t kHotAuctionRatio = 2;
constexpr std::int64_t kHotBiddersRatio = 4;
constexpr std::int64_t kHotChannelsRatio = 2;
constexpr std::int64_t kInFlightAuctions = 100;
constexpr std::int64_t kActivePeople = 1000;
constexpr std::int64_t kIdLead = 10;  // ids that are used before they are made
constexpr std::int64_t kChannels = 10'000;

// Bytes of an event, on average.
constexpr std::size_t kPersonBytes = 200;
constexpr std::size_t kAuctionBytes = 500;
constexpr std::size_t kBidBytes = 100;
constexpr std::size_t kLetters = 1UL << 20;

constexpr std::array kStates{"AZ", "CA", "ID", "OR", "WA", "WY"};
constexpr std::array kCities{"Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland",
                             "Bend",    "Redmond",     "Seattle",       "Kent",  "Cheyenne"};
constexpr std::array kFirstNames{"Peter", "Paul",  "Luke",  "John",   "Saul",  "Vicky",
                                 "Kate",  "Julie", "Sarah", "Deiter", "Walter"};
constexpr std::array kLastNames{"Shultz", "Abrams", "Spencer", "White", "Bartels",
                                "Walton", "Smith",  "Jones",   "Noris"};
constexpr std::array kHotChannels{"Google", "Facebook", "Baidu", "Apple"};

std::int64_t reversed(std::uint32_t value) {
  std::uint32_t bits = 0;
  for (int i = 0; i < 32; ++i) bits |= ((value >> i) & 1U) << (31 - i);
  return std::abs(static_cast<std::int64_t>(static_cast<std::int32_t>(bits)));
}

// 2026-09-21T13:33:20.123Z
void append_time(std::int64_t ms, std::string& out) {
  const std::int64_t days = ms / 86'400'000;
  const std::int64_t in_day = ms % 86'400'000;
  // Howard Hinnant's civil_from_days, for days after 1970.
  const std::int64_t z = days + 719'468;
  const std::int64_t era = z / 146'097;
  const std::int64_t doe = z % 146'097;
  const std::int64_t yoe = (doe - doe / 1460 + doe / 36'524 - doe / 146'096) / 365;
  const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const std::int64_t mp = (5 * doy + 2) / 153;
  const std::int64_t month = mp < 10 ? mp + 3 : mp - 9;
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                 yoe + era * 400 + (month <= 2 ? 1 : 0), month, doy - (153 * mp + 2) / 5 + 1,
                 in_day / 3'600'000, in_day / 60'000 % 60, in_day / 1000 % 60, in_day % 1000);
}

}  // namespace

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::kPerson:
      return "person";
    case Kind::kAuction:
      return "auction";
    case Kind::kBid:
      return "bid";
  }
  return "";
}

std::uint64_t Generator::Random::next() {
  std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

std::int64_t Generator::Random::below(std::int64_t n) {
  return static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(n));
}

double Generator::Random::unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

Generator::Generator(const Settings& settings) : settings_(settings), random_(settings.seed) {
  for (std::size_t i = 0; i < kLetters; ++i) letters_ += static_cast<char>('a' + random_.below(26));
  for (std::size_t i = 0; i < kHotChannels.size(); ++i) hot_urls_.push_back(url());
  for (std::int64_t i = 0; i < kChannels; ++i) {
    std::string one = url();
    if (random_.below(10) > 0)
      one += fmt::format("&channel_id={}", reversed(static_cast<std::uint32_t>(i)));
    other_urls_.push_back(std::move(one));
  }
}

void Generator::next(Event& event) {
  const std::int64_t place = number_ % kTotal;
  event.time_ms = time_of(number_);
  event.json.clear();
  if (place < kPersons) {
    person(event);
  } else if (place < kPersons + kAuctions) {
    auction(event);
  } else {
    bid(event);
  }
  ++number_;
}

void Generator::person(Event& event) {
  event.kind = Kind::kPerson;
  event.key = last_person() + kFirstId;
  std::string& out = event.json;
  fmt::format_to(std::back_inserter(out), R"({{"id":{},"name":"{} {}","emailAddress":")", event.key,
                 kFirstNames[static_cast<std::size_t>(random_.below(kFirstNames.size()))],
                 kLastNames[static_cast<std::size_t>(random_.below(kLastNames.size()))]);
  append_word(7, ' ', out);
  out += '@';
  append_word(5, ' ', out);
  fmt::format_to(
      std::back_inserter(out),
      R"(.com","creditCard":"{:04} {:04} {:04} {:04}","city":"{}","state":"{}","dateTime":")",
      random_.below(10'000), random_.below(10'000), random_.below(10'000), random_.below(10'000),
      kCities[static_cast<std::size_t>(random_.below(kCities.size()))],
      kStates[static_cast<std::size_t>(random_.below(kStates.size()))]);
  append_time(event.time_ms, out);
  out += R"(","extra":")";
  append_extra(70, kPersonBytes, out);  // about what the fields before it have
  out += "\"}";
}

void Generator::auction(Event& event) {
  event.kind = Kind::kAuction;
  event.key = last_auction() + kFirstId;
  const bool hot = random_.below(kHotSellersRatio) > 0;
  const std::int64_t seller =
      kFirstId + (hot ? last_person() / kHotEvery * kHotEvery : some_person());
  const std::int64_t category = kFirstCategory + random_.below(kCategories);
  const std::int64_t first_bid = price();
  // As long as it takes to make the auctions that are in flight, on average.
  const std::int64_t horizon_ms =
      time_of(number_ + kInFlightAuctions * kTotal / kAuctions) - event.time_ms;
  const std::int64_t expires_ms =
      event.time_ms + 1 + random_.below(std::max<std::int64_t>(1, 2 * horizon_ms));
  std::string& out = event.json;
  fmt::format_to(std::back_inserter(out), R"({{"id":{},"itemName":")", event.key);
  append_word(20, ' ', out);
  out += R"(","description":")";
  append_word(100, ' ', out);
  fmt::format_to(std::back_inserter(out), R"(","initialBid":{},"reserve":{},"dateTime":")",
                 first_bid, first_bid + price());
  append_time(event.time_ms, out);
  out += R"(","expires":")";
  append_time(expires_ms, out);
  fmt::format_to(std::back_inserter(out), R"(","seller":{},"category":{},"extra":")", seller,
                 category);
  append_extra(110, kAuctionBytes, out);
  out += "\"}";
}

void Generator::bid(Event& event) {
  event.kind = Kind::kBid;
  const bool hot_auction = random_.below(kHotAuctionRatio) > 0;
  event.key = kFirstId + (hot_auction ? last_auction() / kHotEvery * kHotEvery : some_auction());
  const bool hot_bidder = random_.below(kHotBiddersRatio) > 0;
  const std::int64_t bidder =
      kFirstId + (hot_bidder ? last_person() / kHotEvery * kHotEvery + 1 : some_person());
  const std::int64_t amount = price();
  std::string& out = event.json;
  fmt::format_to(std::back_inserter(out), R"({{"auction":{},"bidder":{},"price":{},"channel":")",
                 event.key, bidder, amount);
  if (random_.below(kHotChannelsRatio) > 0) {
    const auto channel = static_cast<std::size_t>(random_.below(kHotChannels.size()));
    fmt::format_to(std::back_inserter(out), R"({}","url":"{}")", kHotChannels[channel],
                   hot_urls_[channel]);
  } else {
    const auto channel = static_cast<std::size_t>(random_.below(kChannels));
    fmt::format_to(std::back_inserter(out), R"(channel-{}","url":"{}")", channel,
                   other_urls_[channel]);
  }
  out += R"(,"dateTime":")";
  append_time(event.time_ms, out);
  out += R"(","extra":")";
  append_extra(32, kBidBytes, out);
  out += "\"}";
}

std::int64_t Generator::last_person() const {
  const std::int64_t place = number_ % kTotal;
  return number_ / kTotal * kPersons + std::min(place, kPersons - 1);
}

std::int64_t Generator::last_auction() const {
  const std::int64_t place = number_ % kTotal;
  const std::int64_t round = number_ / kTotal;
  if (place < kPersons) return (round - 1) * kAuctions + kAuctions - 1;
  return round * kAuctions + std::min(place - kPersons, kAuctions - 1);
}

std::int64_t Generator::some_person() {
  const std::int64_t people = last_person() + 1;
  const std::int64_t active = std::min(people, kActivePeople);
  return people - active + random_.below(active + kIdLead);
}

std::int64_t Generator::some_auction() {
  const std::int64_t last = last_auction();
  const std::int64_t first = std::max<std::int64_t>(last - kInFlightAuctions, 0);
  return first + random_.below(last - first + 1 + kIdLead);
}

std::int64_t Generator::price() {
  return std::llround(std::pow(10.0, random_.unit() * 6.0) * 100.0);
}

std::int64_t Generator::time_of(std::int64_t number) const {
  return settings_.start_ms + number * 1000 / settings_.events_per_second;
}

void Generator::append_word(int length_max, char gap, std::string& out) {
  const std::size_t from = out.size();
  for (std::int64_t left = 3 + random_.below(length_max - 3); left > 0; --left) {
    const bool is_gap = random_.below(13) == 0;
    const char letter = static_cast<char>('a' + random_.below(26));
    const bool at_edge = out.size() == from || left == 1;
    out += is_gap && !(gap == ' ' && at_edge) ? gap : letter;
  }
}

void Generator::append_extra(std::size_t so_far, std::size_t average, std::string& out) {
  if (so_far > average) return;
  const auto rest = static_cast<std::int64_t>(average - so_far);
  const std::int64_t spread = std::llround(static_cast<double>(rest) * 0.2);
  const std::int64_t bytes = rest - spread + (spread == 0 ? 0 : random_.below(2 * spread));
  const std::int64_t from = random_.below(static_cast<std::int64_t>(letters_.size()) - bytes);
  out.append(letters_, static_cast<std::size_t>(from), static_cast<std::size_t>(bytes));
}

std::string Generator::url() {
  std::string out = "https://www.nexmark.com/";
  for (int i = 0; i < 3; ++i) {
    append_word(5, '_', out);
    out += '/';
  }
  return out + "item.htm?query=1";
}

}  // namespace nexmark
