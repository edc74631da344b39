// The two classes that do the work, private to sema/. `Analysis` knows the file: which names are declared and what
// has been made of them. `Lowering` makes one function: one instance of it per Func. Its members are spread over the
// files of this folder by what they are about; each section below names its file.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/diagnostic.h"
#include "ops/builder.h"
#include "sema/errors.h"
#include "sema/models.h"
#include "sema/region.h"
#include "sema/sema.h"
#include "sema/value.h"
#include "syntax/ast.h"

namespace dlc::sema {

struct BuiltinCall;
struct Environment;

/// A parameter's type `fn(x: A, B) -> R`.
struct FunctionType {
  size_t position = 0;
  std::vector<StrId> names;  // absent where not given
  std::vector<TypeId> params;
  TypeId result;
};

/// The parameters of a function that takes functions: those are empty tuples in `func`, and have their types here.
struct Signature {
  bool is_good = false;
  Func func;
  std::vector<FunctionType> functions;
};

/// Which functions a function that takes functions is called with: it is lowered once for each choice.
struct Choice {
  std::vector<int32_t> functions;  // resolved callables, for the `fn` parameters in their order
  std::vector<StrId> world;        // size variables of the caller that the instance has too, in front of its own
  std::map<StrId, DimId> sizes;    // which of its own one of the functions fixes: what they are in those
};

/// A declared `fn` and what became of it, per float type.
struct FnEntry {
  const Ast* ast = nullptr;
  FnId fn;
  std::string doc;
  bool is_prelude = false;
  bool is_generic = false;  // `float` occurs in its signature
  int32_t model = -1;       // of a model's `fn` or `loss`: index into Analysis::models
  bool is_training = false; // its form for a training step
  std::string name;         // of a model's: "Net2.predict"
  struct Instance {
    enum class State : uint8_t { none, busy, done, failed } state = State::none;
    FuncId func;
  };
  Instance instances[2];    // f32, f64; a function that is not generic uses the first

  // closures.cpp
  std::shared_ptr<const Environment> env;  // of a function declared in a body
  bool takes_functions = false;            // then there is an instance for each choice of them
  bool is_untyped = false;                 // a parameter's type is left out, and `parameter_types` do not give it
  std::vector<TypeId> parameter_types;     // that the `fn` type it is passed for gives
  std::map<std::vector<TypeId>, int32_t> typed;  // its copies that have these
  std::shared_ptr<Signature> signatures[2];
  std::map<std::string, Instance> chosen;
};

struct ConstEntry {
  const Ast* ast = nullptr;
  const Decl* decl = nullptr;
  enum class State : uint8_t { none, busy, done } state = State::none;
  Val value;                // flex
};

struct StructEntry {
  const Decl* decl = nullptr;
  enum class State : uint8_t { none, busy, done } state = State::none;
  FuncId constructor;  // fields → the struct; absent after an error
};

/// A declared model. Its functions are entries of Analysis::functions, in two forms each. What follows from the layers it
/// holds is known once it is resolved (layers.cpp).
struct ModelEntry {
  const Ast* ast = nullptr;
  const Decl* decl = nullptr;
  DType float_type = DType::f64;  // what `float` is
  struct Forms {
    StrId name;
    const ModelItem* item = nullptr;
    int32_t plain = -1, training = -1;
  };
  /// `layer fc[L] = Dense[n, m]`: `sizes` says what Dense's sizes are in those of this model.
  struct Layer {
    const ModelItem* item = nullptr;
    int32_t model = -1;
    std::map<StrId, DimId> sizes;
    DimId copies;                       // absent: one layer, no array of them
    int params_at = -1, states_at = -1; // its field of these tuples, −1: it has none
    int32_t first_slot = 0;             // of the states within it
  };
  /// A field of `params` or `states`: what an item declares, or all that a layer has of them.
  struct Member {
    const ModelItem* item = nullptr;
    int32_t layer = -1;
  };
  std::vector<Forms> functions;
  std::vector<const ModelItem*> items;  // params, states and layers, as they stand in the source
  std::vector<Layer> layers;
  std::vector<Member> params, states;
  TypeId params_type, states_type;      // named tuples in the model's sizes; absent without fields
  std::vector<ModelParam> own;          // of its own `param`s and `state`s, by position in `items`
  int32_t n_slots = 0;                  // states, those in layers included: what an `update` counts by
  bool draws = false;                   // in training: `dropout` or `key` occurs
  bool key_in_predict = false;          // `key` occurs
  bool failed = false;
  enum class State : uint8_t { none, busy, done } state = State::none;
  const Forms* find(StrId name) const {
    for (const Forms& f : functions)
      if (f.name == name) return &f;
    return nullptr;
  }
  const Layer* find_layer(StrId name) const {
    for (const Layer& l : layers)
      if (l.item->name.id == name) return &l;
    return nullptr;
  }
};

/// What a top-level name is.
struct TopLevel {
  enum class Kind : uint8_t { fn, constant, structure, model, unsupported } kind = Kind::fn;
  int32_t index = -1;
  Span span;
};

/// How deep instantiation may recurse on the native stack; only `float` functions calling each other get there,
/// because all others are lowered callees first.
constexpr int kMaxInstances = 100;

class Analysis {
 public:
  Analysis(const Ast& ast, Sources& sources, Module& m, const SemaOptions& options, Diagnostics& diagnostics, FileModels& file_models)
      : main(ast), sources(sources), m(m), options(options), diagnostics(&diagnostics), file_models(file_models), own_diagnostics_(&diagnostics) {}
  bool run();

  /// The Func of a declared function, lowered now if it was not yet; absent after an error in it.
  FuncId instance(int32_t function, DType float_type, Span use);
  /// The Func behind a function value; `float_type` where it depends on the caller.
  FuncId func_of(int32_t callable, DType float_type, Span use);

  // closures.cpp
  const Callable& base_of(int32_t callable) const;  // what a tower of derivatives stands on
  const std::vector<Val>& captured(int32_t callable) const;
  Val with_captured(int32_t callable, std::vector<Val> captured);
  Val with_types(int32_t callable, std::vector<TypeId> types);
  Val declared_builtin(const BuiltinRow& row, size_t n, std::string_view typed = {});
  StrId free_size_name(StrId name, const std::vector<StrId>& taken);  // function.cpp: `name`, or one like it that is none of these
  FuncId adapter(FuncId f, size_t n_hidden, const std::vector<StrId>& names, Span span);
  const Signature* signature(int32_t function, DType float_type);
  void check_uncalled(int32_t function);
  FuncId chosen_instance(int32_t function, DType float_type, const Choice& choice, Span use);

  bool takes_functions(int32_t callable) const;  // the function, or what it is a derivative of
  bool is_generic(int32_t callable) const;
  Val constant(int32_t index, Span use);
  /// The function that makes a declared struct: its parameters are the fields, its result type is the struct.
  FuncId constructor(int32_t index, Span use);  // structs.cpp
  /// The declared or prelude function of that name, −1 if there is none.
  int32_t find_function(StrId name);
  int32_t prelude_function(StrId name);  // −1 if there is none
  Val function_value(Callable callable);
  /// Declared (if `is_main`: the prelude does not see the file), built in or of the prelude. Error kind: there is none,
  /// and nothing is reported.
  Val function_named(StrId name, bool is_main);
  std::vector<std::string_view> function_names() const;
  /// The declared model of that name, or the prelude's; −1 if there is none. One of `float`s is that of `float_type`.
  int32_t find_model(StrId name, DType float_type);
  /// The same, with its layers found; a declared model has all its forms.
  int32_t model_of(StrId name, DType float_type, Span use) {
    const int32_t index = find_model(name, float_type);
    return resolve_model(index, use), index;
  }
  bool is_of_float(int32_t model) const { return mentions_type(models[static_cast<size_t>(model)], "float"); }
  std::string state_name(const ModelEntry& model, int32_t slot) const;
  /// A model's function for whoever holds it or names it: see layers.cpp.
  FuncId held(FuncId f, size_t n_hidden, const std::vector<StrId>& world, const std::map<StrId, DimId>& sizes);

  const Ast& main;
  Sources& sources;
  Module& m;
  const SemaOptions options;
  Diagnostics* diagnostics;  // swapped for a scratch one while a type is only being asked for
  FileModels& file_models;
  std::unordered_map<StrId, TopLevel> top;
  std::unordered_set<FuncId> collectives;               // functions that reach `batch_mean`, `batch_sum` or `update`
  std::unordered_set<FuncId> of_one_example;            // outside of models: those that reach the derivative of such a function
  void copy_reach(FuncId from, FuncId to) {
    for (auto* set : {&collectives, &of_one_example})
      if (set->contains(from)) set->insert(to);
  }
  std::unordered_map<FuncId, std::vector<int32_t>> updates;  // of functions for training: states whose new values they return, behind their own result
  std::deque<FnEntry> functions;
  std::deque<ModelEntry> models;
  std::deque<ConstEntry> constants;
  std::deque<StructEntry> structs;
  std::unordered_set<FuncId> constructors;  // of `structs`: a call of one is its tuple
  std::deque<Flex> flex;
  std::deque<Callable> callables;

 private:
  void declare(const Ast& ast);
  void declare_fn(const Decl& d);
  void declare_model(const Ast& ast, const Decl& d, DType float_type);  // model.cpp
  void declare_item(const ModelItem& item, int32_t model);
  bool mentions_key(const Ast& ast, const Decl& d) const;
  void hand_over_model(int32_t model);
  void lower_initials(int32_t model);
  FuncId lower_initial(const ModelItem& item, int32_t model);
  void resolve_model(int32_t model, Span use);        // layers.cpp
  bool mentions_type(const ModelEntry& model, std::string_view name) const;
  DType float_of_layers(const ModelEntry& model) const;
  void hand_over_members(const ModelEntry& model, bool is_state, const ModelParam& above, std::vector<ModelParam>& out);
  const Decl* prelude_declaration(std::string_view keyword, StrId name, const Ast*& ast);
  void lower_train(const Decl& d);                    // train_block.cpp
  void lower_all();
  std::vector<int32_t> callees_first() const;
  void lower_exports();
  FuncId made(FnEntry& entry, FnEntry::Instance& slot, DType float_type, const Choice* choice, Span use);
  std::string called_in_source(const FnEntry& entry) const;
  FuncId lower_instance(const FnEntry& entry, DType float_type, const Choice* choice, FuncId* early);
  bool add_rule(FuncId f, const Decl& d, const FnEntry& entry, DType float_type, const Choice* choice);  // rules.cpp
  void check_rules();
  FuncId kept(FuncId f);                              // closures.cpp
  FuncId request(const Callable& spec, FuncId base);  // derivative_call.cpp
  FuncId wrap_elementwise(OpId op, DType float_type, Span use);

  Diagnostics* const own_diagnostics_;
  std::deque<Ast> prelude_asts_;
  std::unordered_map<StrId, const Decl*> rules_;  // `derivative` declarations by their function
  std::unordered_map<StrId, int32_t> prelude_, prelude_models_;  // −1: not in the prelude
  std::unordered_map<int32_t, int32_t> other_float_;  // models of `float`s that are held in the other float too
  std::unordered_map<uint64_t, int32_t> named_values_;
  std::unordered_map<StrId, int> rule_depth_;  // of rules that are being lowered, by their function
  int instance_depth_ = 0;
  std::unordered_set<FuncId> recurring_;  // that call themselves at other sizes
};

/// A name in scope of a function.
struct Binding {
  enum class Kind : uint8_t { param, let, var, size, binder };
  StrId name;
  Kind kind = Kind::let;
  Val val;
  TypeId type;         // var: what it holds, once known
  Span span;
  bool is_set = true;  // false: `var v: T` before its first assignment
  bool is_foreign = false;  // a `var` of the function around, which cannot be captured
  size_t depth = 0;    // number of open regions where it was declared
  int32_t hidden = -1; // the binding of this name that it shadows
};

/// What a function declared in a body sees of the one around it, as that was where it is declared.
struct Environment {
  std::vector<Binding> bindings;  // those whose names occur in it
  std::vector<StrId> world;       // the size variables of the function around
  DType float_type = DType::f64;
  StrId self;                     // its own name, which it cannot call
  int32_t model = -1;             // and, within a model:
  bool is_training = false, has_key = false;
  TypeId params, states;
  std::map<StrId, DimId> model_sizes;
};

/// dtype and shape of a Val without making an instruction.
struct Shape {
  DType dtype = DType::f64;  // of a flexible one: what it would be by default
  bool is_flexible = false;
  bool wants_float = false, prefers_float = false;
  std::vector<DimId> dims;
};

/// `lo .. lo + extent·step step`.
struct RangeDims {
  DimId lo, extent;
  int64_t step = 1;
  explicit operator bool() const { return lo && extent; }
};

/// Where an `if` that returns or breaks goes on when it does neither: at statement `from` of a block, then at `outer`. What
/// follows such an `if` is lowered inside its branches.
struct Rest {
  ExprId block;
  size_t from = 0;
  const Rest* outer = nullptr;
};

/// What the statements of a block are lowered for: the value of a function or branch, or the next values of a loop.
struct Purpose {
  TypeId want;                              // of a value, if that is known
  const std::vector<size_t>* carried = nullptr;  // loop: positions in `bindings_` of the variables that it carries
  bool has_flag = false;                    // loop: the first carried value says whether it was left by `break`
  bool is_trial = false;                    // loop: only the types of what it assigns are wanted
};
/// A parameter that holds what its function captured, "w.outer"; programs cannot write such a name.
bool is_hidden_name(std::string_view name);
std::string hidden_name(std::string_view name);
/// What an error calls a function: derived ones by what they derive from.
std::string called(const Func& f);

/// The leaves of a value in order, and the value of a type that takes its leaves from the front of `leaves`.
void add_leaves(Builder b, ValueId v, Loc loc, std::vector<ValueId>& out);
ValueId from_leaves(Builder b, TypeId type, std::span<const ValueId>& leaves, Loc loc);

/// One argument of a call after lowering.
struct Argument {
  Name name;  // absent: by position
  Val val;
  ExprId expr;
  Span span;
  bool is_hidden = false;  // a model's own, that a call inside it does not write; or
  bool is_captured = false;  // what a function declared in a body uses of the one around it
};

class Lowering {
 public:
  /// `func` absent: no instruction may be made (constants, exports).
  Lowering(Analysis& a, const Ast& ast, FuncId func, DType float_type);

  // ---- function.cpp: signatures, bodies, statements
  bool declare_sizes(Slice<Name> sizes);
  bool lower_signature(const Fn& fn);
  bool lower_function(const Fn& fn);
  Val lower_block(ExprId block, TypeId want);

  // ---- control.cpp: statements with blocks, and assignments in them
  Val lower_statements(ExprId block, size_t from, const Rest* rest, const Purpose& purpose);
  // ---- closures.cpp
  void enter_environment(const Environment& env);
  void choose(const Choice& choice) { choice_ = &choice; }
  void set_parameter_types(const std::vector<TypeId>& given) { parameter_types_ = given; }
  bool lower_signature_only(const Fn& fn, Signature& out);

  // ---- rules.cpp
  bool lower_rule(const Decl& d, FuncId f, const Fn& fn, const Choice* choice);

  // ---- structs.cpp
  bool lower_struct(const Decl& d);

  // ---- layers.cpp
  bool lower_members(ModelEntry& model);

  // ---- model.cpp: functions of models
  /// What is lowered next belongs to this model; `has_run` false: a term in its parameters, which sees neither keys nor states.
  void enter_model(int32_t model, bool is_training, bool has_run = true) { model_ = model, is_training_ = is_training, has_run_ = has_run; }
  bool declare_model_names();
  std::optional<Distribution> lower_distribution(ExprId e);
  ValueId lower_param_value(const ModelItem& item);
  std::optional<double> plain_number(ExprId e);
  /// Adds coefficient · `term` to a function of the parameters; train blocks' objectives are made of these.
  ValueId add_term(ValueId sum, ExprId term, double coefficient, DType dtype);

  // ---- sema.cpp: declarations that are no functions
  Val lower_constant(const Decl& d);
  Val lower_export(const Decl& d);

  // ---- expr.cpp
  Val lower(ExprId e, TypeId want = {});

  bool failed() const { return failed_; }

 private:
  friend struct Builtins;
  friend struct LayerRows;
  friend struct BuiltinCall;

  // ---- function.cpp
  void lower_statement(const Stmt& s);
  void lower_local_fn(FnId fn);
  void lower_let(const Stmt& s);
  void lower_let_index(const Stmt& s);
  void lower_var(const Stmt& s);
  void bind_unset(PatternId id, TypeId type);
  void lower_assign(const Stmt& s);
  void assign_to(ExprId target, Val value, Span span, OpId op);
  void bind_pattern(PatternId pattern, Val value, Binding::Kind kind, TypeId type, ExprId source);
  bool bind_tuple_literal(const Stmt& s, Binding::Kind kind);
  Span result_span(ExprId body) const;

  // ---- control.cpp
  bool has_exit(ExprId block_or_if) const;
  Val finish(const Purpose& purpose, ExprId block);
  Val next_step(const Purpose& purpose, bool is_left);
  void chosen_function(const Expr& if_expr);
  Val lower_exiting_if(ExprId if_expr, const Rest& rest, const Purpose& purpose);
  ValueId lower_condition(ExprId e);
  ValueId lower_loop_condition(ExprId e, ValueId goes_on, Loc l);
  std::vector<size_t> assigned_in(std::initializer_list<ExprId> blocks);
  void collect_assigned(ExprId e, std::vector<StrId>& declared, std::vector<size_t>& out);
  void collect_assigned_in(const Stmt& s, std::vector<StrId>& declared, std::vector<size_t>& out);
  void add_assigned(ExprId target, const std::vector<StrId>& declared, std::vector<size_t>& out);
  DType float_of_params(DType otherwise) const;
  DType default_float() const;
  bool reads_elements(ExprId e);
  Val lower_where_needed(const Expr& e, const Val& left);
  Val lower_if_region(ExprId if_expr, TypeId want, bool has_value);
  void lower_for(const Stmt& s);
  void lower_while(const Stmt& s);
  struct LoopRange {
    ValueId count;
    DimId bound;                     // of `count`; absent: not known
    RangeDims dims;                  // where the ends are sizes
    ValueId first, step;             // where they are not
    bool is_static() const { return static_cast<bool>(dims); }
  };
  std::optional<LoopRange> lower_loop_range(ExprId range);
  ValueId steps_between(ValueId lo, ValueId hi, int64_t step, Loc l);
  std::optional<LoopOptions> lower_attributes(const Stmt& s);
  void try_body(const Stmt& s, const LoopRange* range, const std::vector<size_t>& carried);
  void learn_types(const std::vector<size_t>& carried, const Stmt& s, const LoopRange* range);
  std::vector<ValueId> carried_leaves(const std::vector<size_t>& carried);
  void set_carried(const std::vector<size_t>& carried, std::span<const ValueId> leaves);
  void lower_loop(const Stmt& s, const LoopRange* range, const LoopOptions& options, const std::vector<size_t>& carried);
  void bind_loop_index(const Name& index_name, const LoopRange& range, ValueId step);

  // ---- scan.cpp
  Val apply(Val f, std::vector<Argument> args, const Expr& call, TypeId want);
  DimId leading_extent(std::span<const Argument> arrays, const Expr& call);
  ValueId row_of(ValueId x, ValueId i, Loc l);
  std::vector<Argument> rows_of(std::span<const Argument> arrays, const std::vector<ValueId>& made, BlockId outer, ValueId i);
  Val lower_map_call(const Expr& call);
  TypeId first_parameter(const Val& f);
  ValueId first_state(const Val& f, Argument& init, std::span<const Argument> arrays);
  bool scan_arguments(const Expr& call, Argument& f, Argument& init, std::vector<Argument>& arrays);
  Val lower_scan_call(const Expr& call);

  // ---- assignment.cpp
  Val stored(const Val& base, const Expr& target, const Val& v, Span span, OpId op);
  void keep_last(TypeId array, std::vector<ValueId>& positions, Loc l);
  Val scaled_one_by_one(ValueId x, ValueId factors, const std::vector<ValueId>& positions, OpId op, Loc l);
  DType type_of_element(ExprId target);
  bool has_array_subscript(const Expr& target);
  Val with_field(const Val& base, const Expr& target, const Val& v, Span span);

  // ---- scope.cpp: names, errors
  Diagnostic& fail(const DiagnosticKind& kind, Span span, std::string message);
  Val unsupported(Span span, std::string_view what);
  void bind(Binding binding);
  void pop_scope(size_t mark);
  Binding* find(StrId name);
  bool is_main() const { return &ast_ == &a_.main; }
  const TopLevel* top_level(StrId name) const {
    auto it = is_main() ? a_.top.find(name) : a_.top.end();
    return it == a_.top.end() ? nullptr : &it->second;
  }
  Val lookup(StrId name, Span span);
  Val lookup_function(StrId name, Span span);
  Val unknown_name(StrId name, Span span, bool is_function);
  std::string_view str(StrId id) const { return a_.m.strings[id]; }
  std::string code(ExprId e) const;  // its source text
  void label_sizes(Diagnostic& d, DimId size);
  void label_operand(Diagnostic& d, const Val& v, ExprId e);
  void label_pair(Diagnostic& d, const Val& left, ExprId left_expr, DimId x, const Val& right, ExprId right_expr, DimId y);

  // ---- types.cpp: type expressions, sizes, ranges
  TypeId lower_type(TypeExprId t, int depth = 0);
  DimId lower_size(ExprId e);               // must be a size expression; absent after an error
  DimId lower_array_size(ExprId e);         // of a type: not negative, as far as numbers show
  std::optional<DimId> as_size(const Val& v);
  RangeDims lower_range(ExprId range, DimId whole, bool literals_count_from_end);
  std::optional<int64_t> lower_step(const Expr& range);
  DimId n_steps(DimId distance, int64_t step);
  DimId size_too_large(DimId d, Span span); // d, after reporting an absent one

  // ---- value.cpp: from Vals to instructions and types
  Builder b() { return Builder(a_.m, func_, regions_.back().block()); }
  DimTable& dims() { return a_.m.types.dims; }
  TypeTable& types() { return a_.m.types; }
  Loc loc(Span span) const { return {span}; }
  Val value(ValueId id);
  Val size_value(DimId d, Span span);
  Val add_flex(Flex node);
  Val number(double x, Span span);
  Val integer(int64_t x, Span span);
  const Flex& flex(const Val& v) const { return a_.flex[static_cast<size_t>(v.flex)]; }
  Shape shape_of(const Val& v);
  TypeId type_of(const Val& v);
  std::string type_text(const Val& v);
  /// Its instruction in the block being filled; ints become floats when `want` is one. Absent after an error.
  ValueId make(const Val& v, Span span, std::optional<DType> want = std::nullopt);
  ValueId make_flex(int32_t root, DType dtype);
  ValueId make_flex_node(const Flex& node, DType dtype, const std::vector<ValueId>& operands);
  ValueId make_size(DimId d, Loc l);
  ValueId bring(ValueId id, BlockId block);
  ValueId capture(Region& r, ValueId id);
  /// As a value of exactly `want`, or an error that says what `context` wanted.
  ValueId coerce(const Val& v, TypeId want, Span span, std::string_view context, bool fills = false);
  ValueId coerce_value(ValueId id, TypeId want, Span span, std::string_view context);
  bool has_binder(DimId d);

  // ---- elementwise.cpp: operators and scalar functions
  Val elementwise(OpId op, std::span<const Val> args, std::span<const ExprId> exprs, Span span);
  bool differ_but_here(std::span<const Val> args);
  bool join_shapes(std::span<const Val> args, std::span<const ExprId> exprs, Span span, std::vector<DimId>& out);
  Val numeric(OpId op, std::span<const Val> args, std::span<const ExprId> exprs, Span span, bool compares);
  Val int_arithmetic(OpId op, std::span<const Val> args, std::vector<DimId> dims, Span span);
  Val emit(OpId op, std::span<const Val> args, std::span<const std::optional<DType>> dtypes, Span span);
  Val binary(const Expr& e, const Val& left, const Val& right);
  Val float_power(const Val& base, const Val& exponent, std::span<const ExprId> exprs, Span span);
  Val int_power(const Val& base, const Val& exponent, Span span);

  // ---- expr.cpp
  Val lower_binary(ExprId e, TypeId want);
  Val lower_unary(const Expr& e, TypeId want);
  Val lower_tuple(const Expr& e, TypeId want);
  Val lower_array(const Expr& e, TypeId want);
  Val stack_values(std::span<const Val> values, std::span<const ExprId> exprs, Span span);
  Val lower_field(const Expr& e);
  int field_position(const Val& v, const Expr& field);  // −1 after an error
  Val lower_if(ExprId e, TypeId want);
  Val lower_literal_if(const Expr& e, const Val& condition);
  Val lower_branch(ExprId branch, TypeId want);
  bool is_literal(ExprId e) const;
  std::optional<std::vector<DimId>> joined(const std::vector<DimId>& x, const std::vector<DimId>& y);
  TypeId joined(TypeId x, TypeId y);
  TypeId join_branches(const Val& x, const Val& y, const Expr& e, TypeId want);

  // ---- closures.cpp
  Val close_over(FnId fn);
  Val lower_checkpoint(const Expr& call);
  bool is_outer(const Binding& b) const { return static_cast<size_t>(&b - bindings_.data()) < n_outer_; }
  bool is_placeless(const Val& v);
  Binding captured_binding(Binding binding, std::vector<Val>& captured);
  Val own_parameter(ValueId id);
  Val hidden_parameter(std::string_view name, TypeId type, Span span);
  Val hidden_function(int32_t callable, std::string_view name, Span span);
  void add_hidden_parameters();
  void add_captured_arguments(const Func& f, const Val& function, std::vector<Argument>& out);
  bool lower_function_type(const TypeExpr& t, size_t position);
  std::pair<Val, FuncId> function_for(const Argument& arg, const std::vector<TypeId>& params, std::string_view context);
  bool infer_from_functions(const Signature& signature, std::span<const Argument* const> of_param, std::map<StrId, DimId>& bound);
  bool updates_nothing(FuncId f, Span span);
  bool looks_at_one(FuncId f, Span span, std::string_view why);
  void look_at_one(FuncId f, Span span, std::string_view why);
  Val resolve_function(const Argument& arg, const FunctionType& want, const std::map<StrId, DimId>& bound, std::string_view context);
  bool accepts(const Func& f, const Callable& c, const std::vector<TypeId>& params, TypeId result);
  void choose_sizes(const Signature& signature, const FnEntry& entry, const std::map<StrId, DimId>& bound, Choice& choice);
  struct ChosenInstance {
    FuncId func;
    Func head;
    std::vector<const Argument*> of_param;
    std::vector<const FunctionType*> function_at;  // by parameter; null: it is a value
    std::map<StrId, DimId> bound;
    std::vector<Val> captured;
    Choice choice;
  };
  ChosenInstance choose_instance(const Val& f, const Expr* sizes, std::span<const Argument> args, const Expr& call, TypeId want);
  Val call_derivative_of_higher_order(const Val& f, const Expr* sizes, const Expr& call, TypeId want);
  Val call_higher_order(const Val& f, const Expr* sizes, const Expr& call, TypeId want);

  // ---- rules.cpp
  struct RuleParam;
  std::vector<RuleParam> rule_params(const Fn& fn, const Choice* choice);
  void bind_rule_sizes(const Fn& fn, const Func& f, const Choice* choice);
  bool find_directions(const Decl& d, FuncId f, std::vector<RuleParam>& params);
  Val direction_of(int32_t function, std::vector<Val> captured, const std::vector<ValueId>& directions, Span span);
  bool lower_rule_value(const Decl& d, FuncId f, std::span<const ValueId> own, const std::function<bool()>& is_linear);

  // ---- structs.cpp
  TypeId struct_type(const TypeExpr& t, int32_t index);
  bool is_struct(const Val& v);
  std::optional<Val> fieldwise(OpId op, const Val& left, const Val& right, Span span);
  Val fieldwise_walk(OpId op, const Val& left, const Val& right, Span span);
  ValueId fieldwise_leaf(OpId op, const Val& left, const Val& right, Span span);

  // ---- subscript.cpp
  Val lower_subscript(const Expr& e);
  struct Subscript {
    enum class Kind : uint8_t { at, all, slice, value } kind = Kind::all;
    DimId at;
    RangeDims range;
    Val value;  // an int, or an array of them, known only at run time; of a slice: where it begins, in place of range.lo
    Span span;
  };
  std::optional<Subscript> lower_one_subscript(const Arg& arg, DimId extent);
  RangeDims lower_moving_range(const Expr& range);
  std::optional<DimId> size_between(const Expr& range);
  std::optional<std::vector<Subscript>> lower_subscripts(const Val& base, const Expr& e);
  bool is_affine(DimId d);
  ValueId start_of(const Subscript& s, Loc l);
  Val apply_subscripts(const Val& base, std::span<const Subscript> subs, Span span);
  bool check_subscripts(const std::vector<DimId>& shape, std::span<const Subscript> subs, Span array, std::vector<bool>& moves, Bounds& bounds);
  // facts.cpp
  std::optional<DimId> known_size(ExprId e, int depth = 0);
  bool is_never_negative(DimId d);
  bool add_facts(ExprId condition, bool holds, std::vector<DimId>& facts, int depth = 0);
  Region guarded_region(const Builder::IfBlocks& blocks, ExprId condition);
  bool follows(DimId d);
  DimId given_equalities(DimId d, bool in_second);
  bool are_equal_here(const std::vector<DimId>& a, const std::vector<DimId>& c, bool in_second);
  Val with_sizes_here(const Val& v, Span span);
  bool is_under_sizes_only() const;
  Val index_axes(ValueId x, const std::vector<int>& axes, std::span<const Subscript> subs, Bounds bounds, Span span);
  ValueId moving_window(ValueId x, std::span<const ValueId> starts, std::span<const Subscript> subs, Bounds bounds, Loc l);
  bool check_inside(DimId lo, DimId hi, DimId extent, Span span, Span array, bool& proven);
  bool require(DimId nonnegative, DimId extent, Span span, bool& proven, SizeCheck::Kind kind = SizeCheck::Kind::subscript);
  bool extremes(DimId d, DimId& lo, DimId& hi);
  Val gathered(ValueId x, const std::vector<int>& axes, std::vector<ValueId> at, Bounds bounds, Span span);
  ValueId view_axis(ValueId x, int axis, const Subscript& s, bool guarded, Loc l);

  // ---- index_notation.cpp
  struct BinderSpec {
    Name name;
    ExprId range;
    RangeDims dims;
    DimId ragged;  // the number of its values where that depends on other indices; `dims` then has the largest
  };
  DimId padded(DimId longest);
  bool infer_ranges(std::vector<BinderSpec>& binders, ExprId body, Span span);
  bool range_from_uses(BinderSpec& binder, ExprId body);
  void collect_uses(ExprId e, StrId name, std::vector<std::pair<DimId, ExprId>>& uses, bool& seen);
  void collect_uses_in_function(FnId fn, StrId name, std::vector<std::pair<DimId, ExprId>>& uses, bool& seen);
  void collect_uses_in_block(const Expr& block, StrId name, std::vector<std::pair<DimId, ExprId>>& uses, bool& seen);
  std::optional<std::vector<DimId>> dims_of(ExprId e);
  void bind_index(const BinderSpec& binder, ValueId step, BlockId block);
  Val lower_map(std::vector<BinderSpec>& binders, ExprId body, TypeId want, Span span, std::string_view word);
  Val lower_reduction(StrId name, const Expr& callee, const Expr& call, TypeId want);

  // ---- reductions.cpp: those whose ranges are no box
  ValueId neutral(std::string_view word, TypeId type, Loc l);
  bool require_ragged_elements(const BinderSpec& binder, std::string_view word);
  Val lower_ragged_body(const std::vector<BinderSpec>& binders, ExprId body, TypeId want, std::string_view word);
  Val ragged_mean(ValueId pairs, const std::vector<int>& axes, Span span);
  bool has_dynamic_end(ExprId range);
  struct RunTimeReduction {
    const BinderSpec& binder;
    const LoopRange& range;
    ExprId body;
    TypeId want;
    std::string_view word;
    Span span;
  };
  using NextValues = std::function<std::vector<ValueId>(ValueId x, ValueId step, std::span<const ValueId> before)>;
  std::vector<ValueId> pass_over(const RunTimeReduction& r, const std::vector<ValueId>& carried, const NextValues& next);
  Val lower_dynamic_reduction(const BinderSpec& binder, ExprId body, std::string_view word, TypeId want, Span span);
  Val lower_position(const RunTimeReduction& r, TypeId type);
  ValueId if_any(const RunTimeReduction& r, ValueId v);
  ValueId if_positive(ValueId count, ValueId v, Loc l);

  // ---- call.cpp
  Val lower_call(const Expr& e, TypeId want);
  Val call_outside(const Expr& callee, const Val& f, const Expr* sizes, const Expr& call, TypeId want);
  Val call_value(const Val& f, const Expr* sizes, const Expr& call, TypeId want);
  bool lower_arguments(const Expr& call, const Func* callee, std::vector<Argument>& out);
  Val call_func(FuncId func, const Val& function, const Expr* sizes, std::span<const Argument> args, const Expr& call);
  std::string missing_direction(const Func& f, std::span<const Argument* const> of_param) const;
  bool place_arguments(const Func& f, std::span<const Argument> args, const Expr& call, std::vector<const Argument*>& of_param);
  bool fits_parameter(const Func& f, ValueId param, const Argument& arg);
  void pair_sizes(TypeId param, TypeId arg, std::vector<std::pair<DimId, DimId>>& out);
  bool bind_sizes(const Func& f, const Expr* sizes, std::span<const Argument* const> of_param, const Expr& call,
                  std::map<StrId, DimId>& bound);
  bool explicit_sizes(const Func& f, const Expr& sizes, std::map<StrId, DimId>& bound);
  DType float_type_for(int32_t callable, std::span<const Argument> args, TypeId want);
  Val call_elementwise(OpId op, std::string_view name, std::span<const Argument> args, const Expr& call);
  Val convert(OpId op, const Argument& arg, Span span);
  bool expect_positional(std::string_view name, std::span<const Argument> args);

  // ---- builtin_arrays.cpp: what BuiltinRow::lower points to, and its tools
  Val call_array(const BuiltinRow& row, const Expr* sizes, const Expr& call, TypeId want);
  Val matmul(const Val& x, const Val& y, ExprId xe, ExprId ye, Span span);
  /// Over `axes`, which are the leading ones unless there is only one.
  Val reduce_value(std::string_view name, ValueId x, std::vector<int> axes, Span span);
  ValueId reduce_leaf(std::string_view name, ValueId x, const std::vector<int>& axes, Span span);
  bool require_elements(ValueId x, const std::vector<int>& axes, std::string_view name, Span span);
  ValueId if_elements(ValueId y, std::span<const DimId> shape, const std::vector<int>& axes, Loc l);
  ValueId reduce_some(std::string_view name, ValueId x, const std::vector<int>& axes, Span span);
  /// A prelude function of a vector applied along one axis.
  ValueId over_axis(std::string_view prelude, ValueId x, int axis, Span span);
  ValueId flatten(ValueId x, size_t n_leading, Span span);
  DimId product_of(std::span<const DimId> sizes);

  // ---- derivative_call.cpp
  Val lower_derivative(DerivativeRequest::Kind kind, const Expr& call);
  void add_parameter_paths(const Callable& base, Callable& spec);

  // ---- model.cpp
  Val model_function(StrId name);                      // of the model we are in
  DimId model_size(StrId name);
  std::map<StrId, DimId> model_sizes();
  TypeId in_sizes(TypeId type);
  std::vector<StrId> layer_world();
  const TopLevel* outside_model(ExprId e);             // `Net2[30, 16]`
  Val outside_function(const Expr& field, const Expr*& sizes);  // `Net2[30, 16].predict`
  Val outside_value(const Expr& field);                // the same, not called
  Val model_value(StrId name, Span span);              // `training`, `key`
  // ---- layers.cpp
  struct LayerRef {
    int32_t model = -1;               // −1: an error was reported
    Val params, states;               // what the layer has of them
    std::map<StrId, DimId> sizes;     // of its model, in those of the one we are in
    DimId copies;                     // of an array of layers that is not subscripted yet
    ExprId array;                     // the outer of two such arrays: then only parameters can be read
    std::vector<Val> at;              // the subscripts there were: sizes, or ints known only at run time
    int32_t first_slot = 0;
  };
  const ModelEntry::Layer* find_layer(ExprId e);       // what `fc`, `blocks[l]`, `block.fc` name; null: no layer
  std::map<StrId, DimId> sizes_around_layer(ExprId e);
  DimId copies_of_layer(ExprId e);
  void array_of_layers(ExprId e, const std::string& function = {});  // reports that one has to be picked
  LayerRef layer(ExprId e);
  LayerRef one_of(LayerRef all, const Expr& e);
  Val row_of_layers(const Val& all, TypeId type, const Subscript& s, Span span);
  bool lower_layer_sizes(const ModelItem& item, const ModelEntry& of, std::map<StrId, DimId>& out);
  Val layer_field(const Expr& e);
  Val layer_value(StrId name, Span span);
  bool is_own(const Val& f) const;                     // of the model we are in, or derived from one of its functions
  int n_hidden_arguments() const;
  void add_hidden_arguments(std::vector<Argument>& out);
  // ---- random.cpp: keys and what is drawn from them; keys are ints here, the bits of a value of type `key`
  ValueId fresh_key(Span span);
  ValueId key_of(const Argument& a, std::string_view name);
  ValueId unit_draw(ValueId key, ValueId place, DType dtype, bool is_open, Loc l);
  ValueId places(const std::vector<DimId>& sizes, Span span);
  Val draw(const BuiltinCall& c, std::optional<std::vector<DimId>> sizes);
  Val split_key(const BuiltinCall& c, const std::vector<DimId>& sizes);
  Val fold_key(const BuiltinCall& c);
  Val lower_dropout(const Expr& call);

  // ---- batch.cpp: what connects a model to the batch and to the run
  std::optional<bool> static_condition(ExprId e);      // `training`, `not training`
  bool is_collective(StrId name) const { return str(name) == "batch_mean" || str(name) == "batch_sum"; }
  Val lower_collective(const Expr& call, bool is_mean);
  ValueId over_batch(ValueId x, bool is_mean, Span span);
  bool enter_collective(Span span, std::string_view what, bool updates);
  void lower_update(const Stmt& s);
  bool add_update(int32_t slot, ValueId value, Span span);
  void declare_stacked_states();
  StrId stacked_name(int32_t slot);
  bool picks_once(const std::vector<Val>& at);
  bool varies(ValueId id);
  bool put_all_updates(int32_t slot, ValueId all, Span span);
  bool put_update(int32_t slot, const Callable& of, ValueId row, Span span);
  void collect_updated(StrId layer_name, std::vector<size_t>& out);
  Val after_call(FuncId func, const Callable& callable, Val result, Span span);
  ValueId with_updates(ValueId result, Span span);

  Analysis& a_;
  const Ast& ast_;
  FuncId func_;
  DType float_type_;
  bool failed_ = false;
  bool stopped_ = false;  // something unsupported was met: what follows it would only give follow-up errors
  TypeId result_type_;    // declared, or absent
  std::map<StrId, DimId> model_sizes_;  // where we lower it in the sizes of a caller: what its sizes are in these
  int32_t model_ = -1;    // index into Analysis::models: what we lower belongs to it
  bool is_training_ = false, has_run_ = false;
  ValueId params_, states_, key_;  // the model's hidden parameters
  struct Update {
    int32_t slot;   // see ModelEntry::n_slots
    ValueId value;  // absent: what the variable of the stacked state holds at the end
    Span span;
    std::vector<DimId> at;  // of a stacked one: which layer's
  };
  std::vector<Update> updates_;
  int n_draws_ = 0;       // places that drew random numbers so far
  const Environment* env_ = nullptr;  // of a function declared in a body
  size_t n_outer_ = 0;                // the first of bindings_ are its environment's
  const Choice* choice_ = nullptr;    // of a function that takes functions
  std::vector<size_t> function_params_;  // bindings of its `fn` parameters
  Signature* signature_ = nullptr;    // set: only the parameters are wanted
  std::vector<TypeId> parameter_types_;  // that the source leaves out
  std::vector<Region> regions_;
  std::vector<Binding> bindings_;
  std::unordered_map<StrId, int32_t> visible_;
  std::vector<BoundIndex> indices_;
  struct Made {
    BlockId block;
    ValueId id;
  };
  std::unordered_map<uint64_t, Made> made_;  // flex nodes made, by (node, dtype)
};

}  // namespace dlc::sema
