// Settings of topics and brokers.
// Source: the Apache Kafka protocol guide. Names, order, versions and defaults are the protocol's.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/kafka/shape.h"

namespace protocol::kafka {

struct DescribeConfigsRequest {
  static constexpr CallShape kCall = {32, "DescribeConfigs", 0, 4, 4};

  struct DescribeConfigsResource {
    std::int8_t resource_type = 0;
    std::string resource_name = {};
    std::optional<std::vector<std::string>> configuration_keys = std::vector<std::string>{};

    static void fields(auto& self, auto& field) {
      field(self.resource_type);
      field(self.resource_name);
      field(self.configuration_keys);
    }
  };

  std::vector<DescribeConfigsResource> resources = {};
  bool include_synonyms = false;
  bool include_documentation = false;

  static void fields(auto& self, auto& field) {
    field(self.resources);
    field(self.include_synonyms, since(1));
    field(self.include_documentation, since(3));
  }
};

struct DescribeConfigsResponse {
  static constexpr CallShape kCall = DescribeConfigsRequest::kCall;

  struct DescribeConfigsSynonym {
    std::string name = {};
    std::optional<std::string> value = "";
    std::int8_t source = 0;

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.value);
      field(self.source);
    }
  };

  struct DescribeConfigsResourceResult {
    std::string name = {};
    std::optional<std::string> value = "";
    bool read_only = false;
    bool is_default = false;
    std::int8_t config_source = -1;
    bool is_sensitive = false;
    std::vector<DescribeConfigsSynonym> synonyms = {};
    std::int8_t config_type = 0;
    std::optional<std::string> documentation = "";

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.value);
      field(self.read_only);
      field(self.is_default, versions(0, 0));
      field(self.config_source, since(1));
      field(self.is_sensitive);
      field(self.synonyms, since(1));
      field(self.config_type, since(3));
      field(self.documentation, since(3));
    }
  };

  struct DescribeConfigsResult {
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message = "";
    std::int8_t resource_type = 0;
    std::string resource_name = {};
    std::vector<DescribeConfigsResourceResult> configs = {};

    static void fields(auto& self, auto& field) {
      field(self.error_code);
      field(self.error_message);
      field(self.resource_type);
      field(self.resource_name);
      field(self.configs);
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<DescribeConfigsResult> results = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms);
    field(self.results);
  }
};

struct AlterConfigsRequest {
  static constexpr CallShape kCall = {33, "AlterConfigs", 0, 2, 2};

  struct AlterableConfig {
    std::string name = {};
    std::optional<std::string> value = "";

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.value);
    }
  };

  struct AlterConfigsResource {
    std::int8_t resource_type = 0;
    std::string resource_name = {};
    std::vector<AlterableConfig> configs = {};

    static void fields(auto& self, auto& field) {
      field(self.resource_type);
      field(self.resource_name);
      field(self.configs);
    }
  };

  std::vector<AlterConfigsResource> resources = {};
  bool validate_only = false;

  static void fields(auto& self, auto& field) {
    field(self.resources);
    field(self.validate_only);
  }
};

struct AlterConfigsResponse {
  static constexpr CallShape kCall = AlterConfigsRequest::kCall;

  struct AlterConfigsResourceResponse {
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message = "";
    std::int8_t resource_type = 0;
    std::string resource_name = {};

    static void fields(auto& self, auto& field) {
      field(self.error_code);
      field(self.error_message);
      field(self.resource_type);
      field(self.resource_name);
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<AlterConfigsResourceResponse> responses = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms);
    field(self.responses);
  }
};

struct IncrementalAlterConfigsRequest {
  static constexpr CallShape kCall = {44, "IncrementalAlterConfigs", 0, 1, 1};

  struct AlterableConfig {
    std::string name = {};
    std::int8_t config_operation = 0;
    std::optional<std::string> value = "";

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.config_operation);
      field(self.value);
    }
  };

  struct AlterConfigsResource {
    std::int8_t resource_type = 0;
    std::string resource_name = {};
    std::vector<AlterableConfig> configs = {};

    static void fields(auto& self, auto& field) {
      field(self.resource_type);
      field(self.resource_name);
      field(self.configs);
    }
  };

  std::vector<AlterConfigsResource> resources = {};
  bool validate_only = false;

  static void fields(auto& self, auto& field) {
    field(self.resources);
    field(self.validate_only);
  }
};

struct IncrementalAlterConfigsResponse {
  static constexpr CallShape kCall = IncrementalAlterConfigsRequest::kCall;

  struct AlterConfigsResourceResponse {
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message = "";
    std::int8_t resource_type = 0;
    std::string resource_name = {};

    static void fields(auto& self, auto& field) {
      field(self.error_code);
      field(self.error_message);
      field(self.resource_type);
      field(self.resource_name);
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<AlterConfigsResourceResponse> responses = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms);
    field(self.responses);
  }
};

}  // namespace protocol::kafka
