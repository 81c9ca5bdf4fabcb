// A sink that keeps what a simulator says.
#pragma once

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sources/simulator.h"

namespace sources {

struct Recorder final : EventSink {
  Recorder(EventWriter names, bool with_text) : writer(std::move(names)), keeps_text(with_text) {}

  void position(const Position& event) override {
    positions.push_back(event);
    tell(event);
  }
  void scan(const Scan& event) override {
    scans.push_back(event);
    tell(event);
  }
  void order(const Order& event) override {
    orders.push_back(event);
    tell(event);
  }
  void weather(const Weather& event) override {
    reports.push_back(event);
    tell(event);
  }
  void truth(std::string_view json) override { truths.push_back(nlohmann::json::parse(json)); }

  long count(const std::string& fault) const {
    return std::ranges::count_if(truths,
                                 [&](const auto& truth) { return truth.at("fault") == fault; });
  }

  EventWriter writer;
  bool keeps_text;
  std::vector<Position> positions;
  std::vector<Scan> scans;
  std::vector<Order> orders;
  std::vector<Weather> reports;
  std::vector<nlohmann::json> truths;
  std::string text;  // everything as JSON, in the order in which it was sent

 private:
  template <class Event>
  void tell(const Event& event) {
    if (!keeps_text) return;
    writer.append(event, text);
    text.push_back('\n');
  }
};

}  // namespace sources
