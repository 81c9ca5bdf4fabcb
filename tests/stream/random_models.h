// Random models over the topics a and b whose tables do not depend on how the records came.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace stream_test {

class RandomModels {
 public:
  explicit RandomModels(std::mt19937& random) : random_(random) {}

  // One to four models, each after those that it reads.
  std::vector<std::string> make();
  // Whether a row far ahead of the clock has its place in all of them at once: joins that wait for
  // the watermark do not.
  bool wait_for_nothing() const { return wait_for_nothing_; }

 private:
  struct Source {
    std::string from;  // a table, or a SELECT in brackets
    std::string x;     // its number
    bool has_places = true;
  };

  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  bool chance(int percent) { return pick(100) < percent; }
  template <class... Texts>
  std::string one_of(const Texts&... texts) {
    const std::vector<std::string> all{texts...};
    return all[static_cast<std::size_t>(pick(static_cast<int>(all.size())))];
  }

  Source source();
  std::string condition(const std::string& x, int depth = 0);
  std::string number(const std::string& x);
  std::string aggregate(const std::string& x);
  std::string where(const std::string& x);

  void add(const std::string& table, const std::string& header, const std::string& sql);
  void add_rows();
  void add_shape(int number);
  void add_groups(const std::string& table);
  void add_hopping(const std::string& table);
  void add_join(const std::string& table);
  void add_top(const std::string& table);
  void add_sessions(const std::string& table);
  void add_chain(const std::string& table);

  std::mt19937& random_;
  std::vector<std::string> models_;
  bool has_rows_ = false;            // silver.rows(id, k, x, event_time)
  std::vector<std::string> groups_;  // keyed tables (k, n, total), by `k`
  bool joined_ = false;              // a model reads both topics
  bool wait_for_nothing_ = true;
};

}  // namespace stream_test
