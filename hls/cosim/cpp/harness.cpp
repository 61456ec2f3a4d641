// Drives a verilated design with vectors through its valid/ready ports and notes what comes out, and when.
//
//     simulator KEY=VALUE …      the keys are those of hls/cosim/simulator.py's Plan and of the files
//
// The input file holds the 32-bit words of every transfer, the output file gets those of every transfer of the jets
// that came out, and the cycles file four 64-bit numbers for each of these jets: the cycles of its first and last
// input transfer and of its first and last output transfer. COSIM_AXI4STREAM selects the names of the ports, COSIM_VCD
// or COSIM_FST a trace.
#include "ports.h"

#include "verilated.h"
#if defined(COSIM_VCD)
#include "verilated_vcd_c.h"
#define COSIM_TRACE VerilatedVcdC
#elif defined(COSIM_FST)
#include "verilated_fst_c.h"
#define COSIM_TRACE VerilatedFstC
#endif

#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using cosim::Ports;

constexpr int RESET_CYCLES = 4;

class Plan {
  public:
    Plan(int argc, char **argv) {
        for (int i = 1; i < argc; i++) {
            const std::string word = argv[i];
            const auto equals = word.find('=');
            values_[word.substr(0, equals)] = word.substr(equals + 1);
        }
    }
    const std::string &text(const std::string &key) const { return values_.at(key); }
    long number(const std::string &key) const { return std::stol(values_.at(key)); }
    double real(const std::string &key) const { return std::stod(values_.at(key)); }

  private:
    std::map<std::string, std::string> values_;
};

struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Waits at random: mostly of a few cycles, now and then of up to `longest`.
class Waits {
  public:
    Waits(double probability, long longest, std::uint64_t seed)
        : probability_(probability), longest_(longest), random_(seed) {}

    void maybe_start() {
        if (left_ > 0 || probability_ <= 0.0 || std::uniform_real_distribution<>()(random_) >= probability_)
            return;
        const bool is_long = random_() % 16 == 0;
        left_ = 1 + static_cast<long>(random_() % (is_long ? longest_ : 4));
    }
    bool pass_cycle() { return left_ > 0 && left_-- > 0; }

  private:
    double probability_;
    long longest_, left_ = 0;
    std::mt19937_64 random_;
};

struct Times {
    std::int64_t first_in, last_in, first_out, last_out;
};

class Bench {
  public:
    explicit Bench(const Plan &plan);
    ~Bench();
    void run();
    void report(const std::string &failure) const;

  private:
    void reset();
    void cycle();
    void drive();
    void take_input();
    void take_output();
    void check_output();
    void edge();
    void dump();
    void begin_trace(long jet);
    void end_trace();
    [[noreturn]] void fail(const std::string &what) const;

    const Plan &plan_;
    VerilatedContext context_;
    std::unique_ptr<Ports> ports_;
#ifdef COSIM_TRACE
    std::unique_ptr<COSIM_TRACE> trace_;
#endif
    Waits gaps_, pressure_;
    std::mt19937 junk_;
    const long first_jet_, n_jets_, in_beats_, out_beats_, patience_, half_period_ps_;
    long in_words_, out_words_;
    std::vector<std::uint32_t> inputs_, outputs_, noise_, now_, before_;
    std::vector<Times> times_;
    long cycle_ = 0, last_progress_ = 0;
    long in_jet_ = 0, in_beat_ = 0, out_jet_ = 0, out_beat_ = 0;
    bool valid_ = false, ready_ = false, held_ = false;
    long reset_jet_, reset_cycle_ = -1;
};

Bench::Bench(const Plan &plan)
    : plan_(plan), gaps_(plan.real("gap"), plan.number("longest_wait"), 2 * plan.number("seed")),
      pressure_(plan.real("back_pressure"), plan.number("longest_wait"), 2 * plan.number("seed") + 1),
      junk_(plan.number("seed")), first_jet_(plan.number("first_jet")), n_jets_(plan.number("n_jets")),
      in_beats_(plan.number("in_beats")), out_beats_(plan.number("out_beats")), patience_(plan.number("patience")),
      half_period_ps_(plan.number("half_period_ps")), reset_jet_(plan.number("reset_at")) {
    context_.randReset(2);
    context_.randSeed(static_cast<int>(1 + plan.number("seed") % 1000000));
    context_.traceEverOn(true);
    ports_ = std::make_unique<Ports>(&context_);
    in_words_ = cosim::n_words(ports_->in_data());
    out_words_ = cosim::n_words(ports_->out_data());
    inputs_.resize(n_jets_ * in_beats_ * in_words_);
    outputs_.resize(n_jets_ * out_beats_ * out_words_);
    noise_.resize(in_words_);
    now_.resize(out_words_);
    before_.resize(out_words_);
    times_.resize(n_jets_);
    const auto size = static_cast<std::streamsize>(4 * inputs_.size());
    std::ifstream file(plan.text("inputs"), std::ios::binary | std::ios::ate);
    if (file.tellg() != size || out_words_ != plan.number("out_words"))
        throw std::runtime_error("the data ports are not as wide as the design says");
    file.seekg(0);
    file.read(reinterpret_cast<char *>(inputs_.data()), size);
}

Bench::~Bench() {
#ifdef COSIM_TRACE
    if (trace_)
        trace_->close();
#endif
    ports_->top.final();
}

void Bench::run() {
    reset();
    while (out_jet_ < n_jets_) {
        if (cycle_ == reset_cycle_)
            reset();
        cycle();
        if (cycle_ - last_progress_ > patience_)
            fail("nothing moved for " + std::to_string(patience_) + " cycles: " + std::to_string(in_jet_) +
                 " jets went in, " + std::to_string(out_jet_) + " came out");
    }
    for (const long end = cycle_ + plan_.number("drain"); cycle_ < end;)
        cycle();
}

// Jets that have not come out are sent again.
void Bench::reset() {
    valid_ = ready_ = held_ = false;
    ports_->reset(true);
    for (int i = 0; i < RESET_CYCLES; i++) {
        drive();
        edge();
    }
    ports_->reset(false);
    in_jet_ = out_jet_;
    in_beat_ = out_beat_ = 0;
    last_progress_ = cycle_;
}

void Bench::cycle() {
    if (!valid_ && in_jet_ < n_jets_)
        valid_ = !gaps_.pass_cycle();
    pressure_.maybe_start();
    ready_ = !pressure_.pass_cycle();
    drive();
    if (valid_ && ports_->in_ready())
        take_input();
    check_output();
    if (ports_->out_valid() && ready_)
        take_output();
    edge();
    end_trace();
}

// Sets the inputs and lets the logic settle; data that are not valid are noise.
void Bench::drive() {
    for (auto &word : noise_)
        word = junk_();
    const auto *words = valid_ ? &inputs_[(in_jet_ * in_beats_ + in_beat_) * in_words_] : noise_.data();
    cosim::put(ports_->in_data(), words);
    ports_->offer(valid_, valid_ && in_beat_ == in_beats_ - 1);
    ports_->accept(ready_);
    ports_->clock(false);
    ports_->top.eval();
}

void Bench::take_input() {
    last_progress_ = cycle_;
    if (in_beat_ == 0) {
        times_[in_jet_].first_in = cycle_;
        begin_trace(in_jet_ + first_jet_);
    }
    times_[in_jet_].last_in = cycle_;
    if (++in_beat_ == in_beats_) {
        if (in_jet_ + first_jet_ == reset_jet_) {
            reset_cycle_ = cycle_ + 1 + plan_.number("reset_delay");
            reset_jet_ = -1;
        }
        in_beat_ = 0;
        in_jet_++;
    }
    valid_ = false;
    gaps_.maybe_start();
}

// What is valid stays, unchanged, until it is taken; nothing comes out that did not go in.
void Bench::check_output() {
    const std::string port = Ports::output;
    if (!ports_->out_valid()) {
        if (held_)
            fail(port + "valid fell before the output was taken");
        return;
    }
    if (out_jet_ >= in_jet_)
        fail("an output comes out though no jet is inside: " + std::to_string(in_jet_) + " jets went in");
    cosim::get(ports_->out_data(), now_.data());
    if (held_ && now_ != before_)
        fail(port + "data changed before the output was taken");
    const bool last = out_beat_ == out_beats_ - 1;
    if (ports_->out_last(last) != last)
        fail(port + "last is " + (last ? "low" : "high") + " in transfer " + std::to_string(out_beat_ + 1) + " of " +
             std::to_string(out_beats_));
    before_ = now_;
    held_ = !ready_;
}

void Bench::take_output() {
    last_progress_ = cycle_;
    if (out_beat_ == 0)
        times_[out_jet_].first_out = cycle_;
    times_[out_jet_].last_out = cycle_;
    cosim::get(ports_->out_data(), &outputs_[(out_jet_ * out_beats_ + out_beat_) * out_words_]);
    if (++out_beat_ == out_beats_) {
        out_beat_ = 0;
        out_jet_++;
    }
}

void Bench::edge() {
    dump();
    ports_->clock(true);
    ports_->top.eval();
    context_.timeInc(half_period_ps_);
    dump();
    context_.timeInc(half_period_ps_);
    cycle_++;
}

void Bench::fail(const std::string &what) const {
    throw Failure("jet " + std::to_string(out_jet_ + first_jet_) + ", cycle " + std::to_string(cycle_) + ": " + what);
}

void Bench::report(const std::string &failure) const {
    std::ofstream outputs(plan_.text("outputs"), std::ios::binary), cycles(plan_.text("cycles"), std::ios::binary);
    outputs.write(reinterpret_cast<const char *>(outputs_.data()), out_jet_ * out_beats_ * out_words_ * 4);
    cycles.write(reinterpret_cast<const char *>(times_.data()), out_jet_ * sizeof(Times));
    if (!outputs.flush() || !cycles.flush())
        throw std::runtime_error("the outputs cannot be written");
    if (!failure.empty())
        std::printf("failure: %s\n", failure.c_str());
    std::printf("received %ld jets in %ld cycles\n", out_jet_, cycle_);
}

#ifdef COSIM_TRACE
void Bench::dump() {
    if (trace_)
        trace_->dump(context_.time());
}

void Bench::begin_trace(long jet) {
    if (trace_ || jet != plan_.number("trace_from"))
        return;
    trace_ = std::make_unique<COSIM_TRACE>();
    ports_->top.trace(trace_.get(), 99);
    trace_->open(plan_.text("trace").c_str());
}

void Bench::end_trace() {
    if (!trace_ || out_jet_ + first_jet_ < plan_.number("trace_from") + plan_.number("trace_jets"))
        return;
    trace_->close();
    trace_.reset();
}
#else
void Bench::dump() {}
void Bench::begin_trace(long) {}
void Bench::end_trace() {}
#endif

} // namespace

int main(int argc, char **argv) {
    try {
        const Plan plan(argc, argv);
        Bench bench(plan);
        std::string failure;
        try {
            bench.run();
        } catch (const Failure &problem) {
            failure = problem.what();
        }
        bench.report(failure);
    } catch (const std::exception &problem) {
        std::printf("error: %s\n", problem.what());
        return 2;
    }
    return 0;
}
