// A folder of its own for each test that writes files, gone afterwards.
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

class Folder : public testing::Test {
 protected:
  Folder() {
    root_ = std::filesystem::temp_directory_path() /
            ("dlc-" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + "-" +
             std::to_string(getpid()));
    std::filesystem::create_directories(root_);
  }
  ~Folder() override {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  std::string path(const std::string& name) const { return root_ / name; }
  /// A file of this folder that holds `bytes`.
  std::string file(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }
  std::string text(const std::string& name) const {
    std::ifstream in(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(root_)) all.push_back(entry.path().filename());
    return all;
  }

  std::filesystem::path root_;
};
