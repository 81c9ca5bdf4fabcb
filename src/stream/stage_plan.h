// A composed model's SELECT as stages: one for each SELECT in it that needs to remember, in the
// order in which rows pass them.
//
// SELECTs that remember nothing are views of what they read, so that DuckDB runs them with the next
// stage. A WITH is planned where it is first read. What cannot stream is refused with its line.
// Threads: one; binds on the connection, where rows_table() of every source is there.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stream/aggregate_stage.h"
#include "stream/join_stage.h"
#include "stream/recompute_stage.h"
#include "stream/stage.h"
#include "stream/time_bounds.h"
#include "stream/tree.h"

namespace stream {

// A table that the model names.
struct SourceUse {
  Relation relation;
  std::string input;     // the view that its stages read: rows that fit and are not late
  std::string standing;  // the view of all its rows, where it is looked up; or ""
  bool streams = false;  // its rows are taken in
  int reads = 0;
  std::string where;    // the condition that drops its rows at once, when there is one
  std::string late_us;  // SQL: a row is late when this is before the watermark, or null
};

struct StagePlan {
  std::vector<std::unique_ptr<Stage>> stages;  // in the order in which rows pass them
  std::map<std::string, SourceUse> sources;    // by table
  Rows gives;                                  // of the whole
  Stage* last = nullptr;                       // that it comes from
  std::vector<std::string> group_names;  // when the last stage groups: what tells its rows apart
  bool bounded_by_time = false;          // the watermark drops state
};

class StagePlanner {
 public:
  StagePlanner(sql::Connection& connection, const runs::Model& model,
               const std::map<std::string, Relation>& known)
      : connection_(connection), model_(model), known_(known) {}

  base::Result<StagePlan> plan(const Tree& statement);

 private:
  // Rows that are kept and computed anew by key, as long as the SELECTs around them are of the same
  // key and can be computed with them.
  struct Pending {
    RecomputeParts parts;
    Tree node;                       // the outermost SELECT so far, over touched_table()
    std::vector<Tree> keys;          // the keys in its scope
    std::vector<std::string> shown;  // its columns that are the keys; "" where none is
  };
  struct Planned {
    Rows rows;
    Stage* stage = nullptr;
    std::optional<Pending> pending;
    SourceUse* source = nullptr;  // when it is a table of the model's own FROM
    Tree map = nullptr;           // the SELECT that it is a view of, when it remembers nothing
  };
  struct Input {
    Planned planned;
    std::string alias;
    Tree* leaf = nullptr;  // in the SELECT's FROM
  };
  using With = std::map<std::string, const Tree*>;

  base::Result<Planned> plan_query(const Tree& node, const With& outer);
  base::Result<Planned> plan_union(const Tree& node, const With& with);
  base::Result<Planned> plan_select(Tree node, const With& with);
  base::Result<std::vector<Input>> plan_inputs(Tree& from, const With& with);
  base::Result<Planned> plan_leaf(const Tree& leaf, const With& with, bool looked_up);
  base::Result<Planned> plan_source(const Tree& leaf, bool looked_up);
  base::Result<Planned> plan_one_input(Tree node, Input input);
  base::Result<Planned> plan_map(const Tree& node, std::vector<Input>& inputs);
  base::Result<Planned> plan_group(Tree node, Input& input);
  base::Result<Planned> plan_rows_of_groups(const Tree& node, Input& input,
                                            const AggregateParts& parts);
  base::Result<Planned> plan_window(const Tree& node, Input& input);
  base::Result<std::optional<Planned>> extend(const Tree& node, Input& input,
                                              const std::vector<Tree>* groups);
  base::Result<> settle(Planned& planned);  // makes the stage of what is pending
  void bound_by_gap(Pending& pending);
  base::Result<> refuse_unbounded(const Tree& node, const RecomputeParts& parts) const;
  base::Result<> note_where(const Tree& node, Input& input, const std::string& where);

  base::Result<Planned> plan_join(Tree node, std::vector<Input>& inputs);
  base::Result<Planned> plan_split_join(Tree node, std::vector<Input>& inputs);
  base::Result<Planned> finish_join(Tree node, std::vector<Input>& inputs, JoinParts parts);
  struct SideBounds {
    std::string drop_us;  // as JoinSide's
    std::string words;
    std::map<std::string, std::int64_t> lags;  // of its columns, when they come again
  };
  base::Result<SideBounds> bounds_of(const std::vector<Tree>& conditions,
                                     const std::vector<Input>& inputs, std::size_t side) const;
  base::Result<> bound_side(const Tree& node, const std::vector<Tree>& conditions,
                            const std::vector<Input>& inputs, std::size_t i, JoinParts& parts);
  base::Result<> place_left(const Tree& node, std::vector<Input>& inputs, JoinParts& parts);
  base::Result<> place_as_of(const Tree& node, const std::vector<Tree>& conditions,
                             std::vector<Input>& inputs, JoinParts& parts);
  base::Result<Planned> add(std::unique_ptr<Stage> stage);

  base::Result<Tree> table_ref(const std::string& table, const std::string& alias) const;
  base::Result<std::string> print(const Tree& node) const;
  base::Result<std::vector<StageColumn>> describe_node(const Tree& node) const;
  std::vector<Tree> expanded_items(const Tree& node, const std::vector<Input>& inputs) const;
  LagOf lags_of(const std::vector<Input>& inputs) const;
  // Which input a column belongs to; nullopt when none or more than one has it.
  std::optional<std::size_t> side_of(const ColumnName& name,
                                     const std::vector<Input>& inputs) const;
  std::optional<std::size_t> only_side(const Tree& expression,
                                       const std::vector<Input>& inputs) const;
  std::string stage_name() const;
  std::string state_prefix() const;

  StagePlan made_;
  sql::Connection& connection_;
  const runs::Model& model_;
  const std::map<std::string, Relation>& known_;
  std::map<std::string, Planned> with_;  // by the place of their query
  int names_ = 0;
};

// The expression with columns by their bare names.
Tree bare(Tree expression);

}  // namespace stream
