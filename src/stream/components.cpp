#include "stream/components.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "stream/plan.h"

namespace stream {
namespace {

// Sets of topics that grow together.
class Groups {
 public:
  explicit Groups(std::size_t count) : parents_(count) {
    std::iota(parents_.begin(), parents_.end(), 0);
  }
  std::size_t of(std::size_t i) const {
    while (parents_[i] != i) i = parents_[i];
    return i;
  }
  void join(std::size_t a, std::size_t b) {
    const std::size_t low = std::min(of(a), of(b));
    parents_[std::max(of(a), of(b))] = low;
  }

 private:
  std::vector<std::size_t> parents_;
};

std::unexpected<base::Error> unknown_table(const runs::Model& model, const std::string& table,
                                           const std::set<std::string>& known) {
  return std::unexpected(base::Error{
      .code = base::Code::kInvalid,
      .message =
          fmt::format("{} reads {}, which no source and no model writes", model.table, table),
      .mend = known.empty() ? "name a bronze table of sources/, or another model's table"
                            : fmt::format("read one of {}", fmt::join(known, ", "))}
                             .at(model.file, model.sql_line));
}

}  // namespace

std::string Component::name() const {
  std::vector<std::string> names;
  for (const schema::TopicSchema& topic : topics) names.push_back(topic.topic.name);
  return fmt::format("{}", fmt::join(names, "+"));
}

base::Result<std::vector<Component>> components(sql::Connection& connection,
                                                const std::vector<schema::TopicSchema>& topics,
                                                const std::vector<runs::Model>& models,
                                                const std::vector<std::string>& others) {
  Groups groups(topics.size());
  std::map<std::string, std::size_t> topic_of;  // one topic of a table
  std::set<std::string> known(others.begin(), others.end());
  for (std::size_t i = 0; i < topics.size(); ++i) {
    topic_of["bronze." + topics[i].topic.name] = i;
    known.insert("bronze." + topics[i].topic.name);
  }
  std::vector<const runs::Model*> ordered;
  std::vector<const runs::Model*> open;
  for (const runs::Model& model : models) open.push_back(&model);
  std::map<std::string, std::vector<std::string>> sources;
  for (const runs::Model* model : open)
    sources[model->table] = TRY(plan_model(connection, *model)).sources;
  while (!open.empty()) {
    std::vector<const runs::Model*> rest;
    for (const runs::Model* model : open) {
      const auto& reads = sources.at(model->table);
      if (!std::ranges::all_of(reads, [&](const auto& table) { return known.contains(table); })) {
        rest.push_back(model);
        continue;
      }
      std::optional<std::size_t> mine;
      for (const std::string& table : reads) {
        const auto it = topic_of.find(table);
        if (it == topic_of.end()) continue;
        if (mine) groups.join(*mine, it->second);
        mine = it->second;
      }
      if (!mine) {
        return std::unexpected(
            base::Error{.code = base::Code::kInvalid,
                        .message = fmt::format("{} reads no stream: {} stands still", model->table,
                                               fmt::join(reads, ", ")),
                        .mend = "use 'mode: daily at HH:MM'"}
                .at(model->file, model->sql_line));
      }
      topic_of[model->table] = *mine;
      known.insert(model->table);
      ordered.push_back(model);
    }
    if (rest.size() == open.size()) {
      for (const std::string& table : sources.at(rest.front()->table))
        if (!known.contains(table)) return unknown_table(*rest.front(), table, known);
    }
    open = std::move(rest);
  }
  std::map<std::size_t, Component> found;
  for (std::size_t i = 0; i < topics.size(); ++i) found[groups.of(i)].topics.push_back(topics[i]);
  for (const runs::Model* model : ordered)
    found[groups.of(topic_of.at(model->table))].models.push_back(*model);
  std::vector<Component> result;
  for (auto& [i, component] : found) {
    std::ranges::sort(component.topics, {}, [](const auto& t) { return t.topic.name; });
    result.push_back(std::move(component));
  }
  return result;
}

}  // namespace stream
