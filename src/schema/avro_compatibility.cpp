#include "schema/avro_compatibility.h"

#include <algorithm>
#include <map>

#include "schema/avro_value.h"

namespace schema {
namespace {

constexpr std::uint64_t kExamplesTried = 400;
constexpr std::size_t kExampleValuesMax = 20'000;
constexpr std::size_t kExampleBytesMax = 4UL << 20;
constexpr std::size_t kSearchValuesMax = 400'000;  // of all examples together
constexpr std::size_t kSearchBytesMax = 64UL << 20;
constexpr std::size_t kSearchStepsMax = 100'000;  // of reading one example
constexpr std::size_t kPairsMax = 1'000'000;

class Checker {
 public:
  using Reasons = std::vector<Incompatibility>;

  // A pair that is being looked at counts as compatible: what it holds is found on the way.
  Reasons check(const AvroNode& reader, const AvroNode& writer, const std::string& path) {
    const std::pair key{&reader, &writer};
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    if (known_.size() >= kPairsMax)
      return {{"TYPE_MISMATCH", path, "the schemas are too large to be compared", "", ""}};
    known_[key] = {};
    Reasons found = compare(reader, writer, path);
    if (found.size() > kIncompatibilitiesMax) found.resize(kIncompatibilitiesMax);
    known_[key] = found;
    return found;
  }

 private:
  static void join(Reasons& to, Reasons more) {
    for (Incompatibility& reason : more) to.push_back(std::move(reason));
  }

  Reasons compare(const AvroNode& reader, const AvroNode& writer, const std::string& path) {
    if (writer.type == AvroType::kUnion) return compare_writer_union(reader, writer, path);
    if (reader.type == AvroType::kUnion) return compare_reader_union(reader, writer, path);
    if (reader.type == writer.type) return compare_same(reader, writer, path);
    if (promotes(writer.type, reader.type)) return {};
    return {{"TYPE_MISMATCH", path,
             fmt::format("The type (path '{}') of a field in the reader's schema does not match "
                         "with the writer's schema",
                         path),
             fmt::format("reader type: {} not compatible with writer type: {}",
                         upper(avro_type_name(reader.type)), upper(avro_type_name(writer.type))),
             "keep the type, or widen it (int to long, float, double; string and bytes)"}};
  }

  static std::string upper(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    return out;
  }

  static bool promotes(AvroType from, AvroType to) {
    using enum AvroType;
    switch (to) {
      case kLong:
        return from == kInt;
      case kFloat:
        return from == kInt || from == kLong;
      case kDouble:
        return from == kInt || from == kLong || from == kFloat;
      case kBytes:
        return from == kString;
      case kString:
        return from == kBytes;
      default:
        return false;
    }
  }

  Reasons compare_writer_union(const AvroNode& reader, const AvroNode& writer,
                               const std::string& path) {
    Reasons all;
    for (std::size_t i = 0; i < writer.branches.size(); ++i) {
      const AvroNode& branch = *writer.branches[i];
      Reasons found = check(reader, branch, path);
      if (found.empty()) continue;
      if (reader.type != AvroType::kUnion) {
        join(all, std::move(found));
        continue;
      }
      all.push_back(missing_branch(branch, fmt::format("{}/{}", path, i)));
    }
    return all;
  }

  static Incompatibility missing_branch(const AvroNode& branch, const std::string& path) {
    return {
        "MISSING_UNION_BRANCH", path,
        fmt::format("The reader's union lacks a type of the writer's schema at path '{}'", path),
        fmt::format("reader union lacking writer type: {}", upper(avro_type_name(branch.type))),
        fmt::format("add {} to the union", branch.branch_name())};
  }

  Reasons compare_reader_union(const AvroNode& reader, const AvroNode& writer,
                               const std::string& path) {
    for (const AvroNode* branch : reader.branches) {
      if (check(*branch, writer, path).empty()) return {};
    }
    return {missing_branch(writer, path)};
  }

  Reasons compare_same(const AvroNode& reader, const AvroNode& writer, const std::string& path) {
    Reasons found;
    if (reader.is_named() && !avro_names_match(writer, reader)) {
      found.push_back({"NAME_MISMATCH", path + "/name",
                       fmt::format("The name of the schema has changed (path '{}/name')", path),
                       fmt::format("expected: {}", writer.name),
                       fmt::format("keep the name {}, or give it as an alias", writer.name)});
    }
    switch (reader.type) {
      case AvroType::kArray:
        join(found, check(*reader.items, *writer.items, path + "/items"));
        break;
      case AvroType::kMap:
        join(found, check(*reader.items, *writer.items, path + "/values"));
        break;
      case AvroType::kFixed:
        if (reader.size == writer.size) break;
        found.push_back({"FIXED_SIZE_MISMATCH", path + "/size",
                         fmt::format("The size of FIXED type field at path '{}/size' in the "
                                     "reader's schema does not match with the writer's schema",
                                     path),
                         fmt::format("expected: {}, found: {}", writer.size, reader.size),
                         "keep the size"});
        break;
      case AvroType::kEnum:
        compare_symbols(reader, writer, path, found);
        break;
      case AvroType::kRecord:
        compare_fields(reader, writer, path, found);
        break;
      default:
        break;
    }
    return found;
  }

  static void compare_symbols(const AvroNode& reader, const AvroNode& writer,
                              const std::string& path, Reasons& found) {
    if (reader.symbol_default) return;
    std::vector<std::string> missing;
    for (const std::string& symbol : writer.symbols) {
      if (std::ranges::count(reader.symbols, symbol) == 0) missing.push_back(symbol);
    }
    if (missing.empty()) return;
    found.push_back({"MISSING_ENUM_SYMBOLS", path + "/symbols",
                     fmt::format("The reader's schema is missing enum symbols '[{}]' at path "
                                 "'{}/symbols' of the writer's schema",
                                 fmt::join(missing, ", "), path),
                     fmt::format("[{}]", fmt::join(missing, ", ")),
                     "keep the symbols, or give the enum a default"});
  }

  void compare_fields(const AvroNode& reader, const AvroNode& writer, const std::string& path,
                      Reasons& found) {
    for (std::size_t i = 0; i < reader.fields.size(); ++i) {
      const AvroField& field = reader.fields[i];
      const std::string at = fmt::format("{}/fields/{}", path, i);
      const AvroField* source = avro_writer_field(writer, field);
      if (source != nullptr) {
        join(found, check(*field.type, *source->type, at + "/type"));
      } else if (!field.default_value) {
        found.push_back({"READER_FIELD_MISSING_DEFAULT_VALUE", at,
                         fmt::format("The field '{}' at path '{}' in the reader's schema has no "
                                     "default value and is missing in the writer's schema",
                                     field.name, at),
                         field.name, fmt::format("give '{}' a default", field.name)});
      }
    }
  }

  std::map<std::pair<const AvroNode*, const AvroNode*>, Reasons> known_;
};

// By chance, but the same for the same seed.
class Sampler {
 public:
  explicit Sampler(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ULL), plain_(seed == 0) {}

  // Then what was sampled is no value of the schema.
  bool exhausted() const { return values > kExampleValuesMax || bytes > kExampleBytesMax; }

  std::size_t values = 0;
  std::size_t bytes = 0;

  nlohmann::json sample(const AvroNode& node, std::size_t depth) {
    ++values;
    if (node.type == AvroType::kFixed) bytes += static_cast<std::size_t>(node.size);
    if (exhausted()) return nullptr;
    switch (node.type) {
      case AvroType::kNull:
        return nullptr;
      case AvroType::kBoolean:
        return pick(2) == 0;
      case AvroType::kInt:
        return plain_ ? 1 : static_cast<int>(pick(1000));
      case AvroType::kLong:
        return plain_ ? 1 : static_cast<std::int64_t>(pick(1ULL << 40));
      case AvroType::kFloat:
      case AvroType::kDouble:
        return 0.5 + static_cast<double>(plain_ ? 1 : pick(1000));
      case AvroType::kBytes:
      case AvroType::kString:
        return "a";
      case AvroType::kFixed:
        return std::string(static_cast<std::size_t>(node.size), 'a');
      case AvroType::kEnum:
        return node.symbols.empty() ? "" : node.symbols[pick(node.symbols.size())];
      case AvroType::kArray:
        return depth > kDeep || pick(3) == 1
                   ? nlohmann::json::array()
                   : nlohmann::json::array({sample(*node.items, depth + 1)});
      case AvroType::kMap:
        return depth > kDeep || pick(3) == 1
                   ? nlohmann::json::object()
                   : nlohmann::json{{"key", sample(*node.items, depth + 1)}};
      case AvroType::kRecord:
        return sample_record(node, depth);
      case AvroType::kUnion:
        return sample_union(node, depth);
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t kDeep = 6;

  std::uint64_t pick(std::uint64_t below) {
    if (plain_) return 0;
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ % below;
  }

  nlohmann::json sample_record(const AvroNode& node, std::size_t depth) {
    auto out = nlohmann::json::object();
    if (depth > kAvroDepthMax) return out;  // no value of it is finite
    for (const AvroField& field : node.fields) {
      if (exhausted()) break;
      out[field.name] = sample(*field.type, depth + 1);
    }
    return out;
  }

  nlohmann::json sample_union(const AvroNode& node, std::size_t depth) {
    std::size_t at = pick(node.branches.size());
    if (depth > kDeep) {
      const auto ends = std::ranges::find_if(
          node.branches, [](const AvroNode* branch) { return branch->type != AvroType::kRecord; });
      if (ends != node.branches.end()) at = static_cast<std::size_t>(ends - node.branches.begin());
    }
    const AvroNode& branch = *node.branches[at];
    if (branch.type == AvroType::kNull) return nullptr;
    return {{std::string(branch.branch_name()), sample(branch, depth + 1)}};
  }

  std::uint64_t state_;
  bool plain_;
};

}  // namespace

nlohmann::json avro_example(const AvroNode& schema, std::uint64_t seed) {
  return Sampler(seed).sample(schema, 0);
}

Verdict check_avro(const AvroSchema& reader, const AvroSchema& writer) {
  Verdict verdict;
  verdict.reasons = Checker().check(reader.root(), writer.root(), "");
  for (Incompatibility& reason : verdict.reasons) {
    if (reason.path.empty()) reason.path = "/";
  }
  if (verdict.compatible()) return verdict;
  std::size_t values = 0;
  std::size_t sampled = 0;
  for (std::uint64_t seed = 0; seed < kExamplesTried; ++seed) {
    Sampler sampler(seed);
    nlohmann::json value = sampler.sample(writer.root(), 0);
    values += sampler.values;
    sampled += sampler.bytes;
    if (values > kSearchValuesMax || sampled > kSearchBytesMax) break;
    if (sampler.exhausted()) continue;
    const auto bytes = encode_avro(writer.root(), value);
    if (!bytes) continue;
    auto read = decode_avro(*bytes, writer.root(), reader.root(), kSearchStepsMax);
    if (read) continue;
    if (read.error().code == base::Code::kLimit) {
      values += kSearchStepsMax / 10;
      continue;
    }
    verdict.example = CounterExample{std::move(value), std::move(read).error().message};
    break;
  }
  return verdict;
}

}  // namespace schema
