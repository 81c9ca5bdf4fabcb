#include "sources/events.h"

#include <array>
#include <charconv>
#include <cmath>

#include "sources/corridors.h"

namespace sources {
namespace {

constexpr std::array<std::string_view, kCarriers> kCarrierNames = {
    "Nordkap Logistik", "Alpina Cargo",  "Transbalt",       "Iberia Ruta",
    "Rhein-Spedition",  "Adria Freight", "Carpathia Trans", "Seine Express",
    "Vistula Lines",    "Tulip Haulage", "Danubia Cargo",   "Aurora Road"};

constexpr std::array<std::string_view, kCustomers> kCustomerNames = {
    "Birkenhof",     "Lumen Works",  "Verde Foods",   "Kobalt Tools",   "Solaris Home",
    "Pinewood",      "Atelier Nord", "Granit Bau",    "Meridian Med",   "Orchard & Co",
    "Polar Outdoor", "Quarz Optik",  "Riva Ceramics", "Sable Fashion",  "Tessera Tiles",
    "Umbra Lights",  "Volta Drives", "Wicker House",  "Xenon Displays", "Ysop Pharma",
    "Zephyr Air",    "Amber Paper",  "Brook Textile", "Cedar Toys"};

void append_number(std::uint64_t value, std::string& out) {
  std::array<char, 20> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  out.append(text.data(), end);
}

// `value` with exactly `digits` digits behind the point.
void append_decimal(double value, int digits, std::string& out) {
  static constexpr std::array<std::int64_t, 7> kPowers = {1,      10,      100,      1'000,
                                                          10'000, 100'000, 1'000'000};
  const std::int64_t power = kPowers[static_cast<std::size_t>(digits)];
  std::int64_t scaled = std::llround(value * static_cast<double>(power));
  if (scaled < 0) {
    out.push_back('-');
    scaled = -scaled;
  }
  append_number(static_cast<std::uint64_t>(scaled / power), out);
  out.push_back('.');
  std::int64_t rest = scaled % power;
  for (std::int64_t digit = power / 10; digit > 0; digit /= 10) {
    out.push_back(static_cast<char>('0' + rest / digit));
    rest %= digit;
  }
}

void append_padded(std::int64_t value, int width, std::string& out) {
  std::array<char, 8> text;
  for (int i = width; i-- > 0; value /= 10)
    text[static_cast<std::size_t>(i)] = static_cast<char>('0' + value % 10);
  out.append(text.data(), static_cast<std::size_t>(width));
}

std::string_view hub_id(std::uint8_t hub) { return Network::europe().hubs()[hub].id; }

}  // namespace

std::string_view status_name(TruckStatus status) {
  static constexpr std::array<std::string_view, 4> kNames = {"moving", "stopped", "jammed",
                                                             "broken_down"};
  return kNames[static_cast<std::size_t>(status)];
}

std::string_view scan_type_name(ScanType type) {
  static constexpr std::array<std::string_view, 5> kNames = {"pickup", "arrival", "departure",
                                                             "out_for_delivery", "delivered"};
  return kNames[static_cast<std::size_t>(type)];
}

std::string_view condition_name(Condition condition) {
  static constexpr std::array<std::string_view, 6> kNames = {"clear", "cloudy", "rain",
                                                             "snow",  "fog",    "storm"};
  return kNames[static_cast<std::size_t>(condition)];
}

void EventWriter::append_truck_id(std::uint32_t truck, std::string& out) {
  out.append("T-");
  if (truck >= 999'999) return append_number(truck + 1ULL, out);
  append_padded(truck + 1, 6, out);
}

void EventWriter::append_shipment_id(std::uint32_t shipment, std::string& out) const {
  out.append("S-").append(epoch_).push_back('-');
  append_number(shipment, out);
}

void EventWriter::append_event_id(std::uint32_t scan, std::string& out) const {
  out.append("E-").append(epoch_).push_back('-');
  append_number(scan, out);
}

void EventWriter::append_time(base::TimestampUs time_us, std::string& out) {
  constexpr std::int64_t kMinuteUs = 60 * base::kUsPerSecond;
  const std::int64_t minute = time_us / kMinuteUs;
  if (minute != minute_) {
    minute_ = minute;
    minute_text_ = base::format_rfc3339(minute * kMinuteUs).substr(0, 17);  // "2026-11-23T08:00:"
  }
  const std::int64_t ms = time_us % kMinuteUs / base::kUsPerMs;
  out.append(minute_text_);
  append_padded(ms / 1000, 2, out);
  out.push_back('.');
  append_padded(ms % 1000, 3, out);
  out.push_back('Z');
}

void EventWriter::append(const Position& event, std::string& out) {
  out.append(R"({"truck_id":")");
  append_truck_id(event.truck, out);
  out.append(R"(","event_time":")");
  append_time(event.time_us, out);
  out.append(R"(","lat":)");
  append_decimal(event.lat, 6, out);
  out.append(R"(,"lon":)");
  append_decimal(event.lon, 6, out);
  out.append(R"(,"speed_kmh":)");
  append_decimal(static_cast<double>(event.speed_kmh), 1, out);
  out.append(R"(,"heading":)");
  append_decimal(static_cast<double>(event.heading), 1, out);
  out.append(R"(,"status":")").append(status_name(event.status));
  out.append(R"(","carrier":")").append(kCarrierNames[event.carrier]).push_back('"');
  if (event.shipment != 0) {
    out.append(R"(,"shipment_id":")");
    append_shipment_id(event.shipment, out);
    out.push_back('"');
  }
  out.push_back('}');
}

void EventWriter::append(const Scan& event, std::string& out) {
  out.append(R"({"event_id":")");
  append_event_id(event.number, out);
  out.append(R"(","event_time":")");
  append_time(event.time_us, out);
  out.append(R"(","shipment_id":")");
  append_shipment_id(event.shipment, out);
  out.append(R"(","scan_type":")").append(scan_type_name(event.type));
  out.append(R"(","hub_id":")").append(hub_id(event.hub));
  out.append(R"(","truck_id":")");
  append_truck_id(event.truck, out);
  out.append(R"(","carrier":")").append(kCarrierNames[event.carrier]).append("\"}");
}

void EventWriter::append(const Order& event, std::string& out) {
  out.append(R"({"order_id":"O-)").append(epoch_).push_back('-');
  append_number(event.shipment, out);
  out.append(R"(","event_time":")");
  append_time(event.time_us, out);
  out.append(R"(","shipment_id":")");
  append_shipment_id(event.shipment, out);
  out.append(R"(","customer":")").append(kCustomerNames[event.customer]);
  out.append(R"(","carrier":")").append(kCarrierNames[event.carrier]);
  out.append(R"(","origin_hub":")").append(hub_id(event.origin));
  out.append(R"(","dest_hub":")").append(hub_id(event.dest));
  out.append(R"(","promised_at":")");
  append_time(event.promised_us, out);
  out.append(R"(","weight_kg":)");
  append_decimal(static_cast<double>(event.weight_kg), 1, out);
  out.push_back('}');
}

void EventWriter::append(const Weather& event, std::string& out) {
  out.append(R"({"event_time":")");
  append_time(event.time_us, out);
  out.append(R"(","hub_id":")").append(hub_id(event.hub));
  out.append(R"(","temperature_c":)");
  append_decimal(static_cast<double>(event.temperature_c), 1, out);
  out.append(R"(,"wind_kmh":)");
  append_decimal(static_cast<double>(event.wind_kmh), 1, out);
  out.append(R"(,"precipitation_mm":)");
  append_decimal(static_cast<double>(event.precipitation_mm), 1, out);
  out.append(R"(,"condition":")").append(condition_name(event.condition)).append("\"}");
}

std::string epoch_name(base::TimestampUs start_us) {
  std::array<char, 16> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), start_us / base::kUsPerSecond, 36).ptr;
  return {text.data(), end};
}

}  // namespace sources
