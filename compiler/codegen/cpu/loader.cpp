// Loading an object into this process. RuntimeDyld does it in a fraction of a millisecond, where the ORC layers start
// threads' worth of machinery; our objects are closed (nothing undefined but memcpy and memset), so there is nothing
// lazy to gain.
#include <cstring>
#include <map>

#include <llvm/ExecutionEngine/RuntimeDyld.h>
#include <llvm/ExecutionEngine/SectionMemoryManager.h>
#include <llvm/Object/ObjectFile.h>

#include "codegen/cpu/target.h"

namespace dlc::cpu {

namespace {
class Memory : public llvm::SectionMemoryManager {
 public:
  uint64_t getSymbolAddress(const std::string& name) override {
    if (name == "memcpy") return reinterpret_cast<uint64_t>(&std::memcpy);
    if (name == "memset") return reinterpret_cast<uint64_t>(&std::memset);
    if (name == "memmove") return reinterpret_cast<uint64_t>(&std::memmove);
    return 0;
  }
};
}  // namespace

struct LoadedObject::Impl {
  Memory memory;
  std::map<std::string, void*, std::less<>> symbols;
};

LoadedObject::LoadedObject() : impl_(std::make_unique<Impl>()) {}
LoadedObject::~LoadedObject() = default;

Result<std::unique_ptr<LoadedObject>> LoadedObject::load(const std::string& object) {
  std::unique_ptr<LoadedObject> loaded(new LoadedObject);
  auto file = llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(object, "dlc"));
  if (!file) return Error{llvm::toString(file.takeError())};
  llvm::RuntimeDyld linker(loaded->impl_->memory, loaded->impl_->memory);
  linker.loadObject(**file);
  linker.resolveRelocations();
  if (linker.hasError()) return Error{linker.getErrorString().str()};
  for (const auto& [name, symbol] : linker.getSymbolTable())
    loaded->impl_->symbols[name.str()] = reinterpret_cast<void*>(symbol.getAddress());
  std::string problem;
  if (loaded->impl_->memory.finalizeMemory(&problem)) return Error{problem};
  return loaded;
}

void* LoadedObject::address(std::string_view symbol) const {
  const auto found = impl_->symbols.find(symbol);
  return found == impl_->symbols.end() ? nullptr : found->second;
}

}  // namespace dlc::cpu
