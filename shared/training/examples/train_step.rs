//! The training step timed alone, and the machine's own GEMM rate beside it; prints one JSON line.
//!
//! `cargo run --release -p training --example train_step -- [--threads 2] [--emb 128] [--hidden 128]
//! [--batch 64] [--bptt 32] [--items 10000] [--neg 512] [--opt adagrad|adam] [--lanes 32] [--seconds 6]
//! [--chunk 10] [--tied] [--dropout 0.0] [--save]`
//!
//! Zipf-like ids, windows made beforehand, no input pipeline. A step is: gather, GRU over the window,
//! sampled softmax over shared negatives, all gradients, one optimiser step.

mod support;

use std::time::Instant;

use support::{flag, flops_per_event, median_and_best, option, step, window};
use training::Trainer;
use training::checkpoint::{Reader, Writer};
use training::cpu::{Cpu, Left, Packed, Start, gemm};
use training::random::Random;
use training::trainer::HostWeights;
use training::windows::Window;

fn main() {
    let threads: usize = option("--threads", 2);
    let (batch, lanes): (usize, usize) = (option("--batch", 64), option("--lanes", 32));
    let (settings, rate) = step(batch / lanes, lanes, 10_000, 128, 512);
    let cpu = Cpu::new(threads);
    let mut random = Random::new(0);
    let weights =
        HostWeights::random(&settings.shape, settings.shape.hidden, settings.deviation, &mut random);
    let data: Vec<Vec<Window>> =
        (0..32).map(|_| (0..settings.shards).map(|_| window(&settings, &mut random)).collect()).collect();
    let mut trainer = Trainer::new(&cpu, settings.clone(), &weights, &vec![1.0; settings.shape.items]);
    drop(weights);

    for windows in &data[..10] {
        trainer.step(windows, rate);
    }
    let saves = flag("--save");
    let mut state_bytes = 0;
    if saves {
        // Every page is written once: a long training soon has them all, and the first touch of one costs more.
        let mut state = Writer::default();
        trainer.save(&mut state);
        let state = state.finish();
        trainer.restore(&mut Reader::new(&state)).expect("it is the state of this trainer");
        state_bytes = state.len();
    }
    let (chunk, seconds): (usize, f64) = (option("--chunk", 10), option("--seconds", 6.0));
    let (start, cpu_before, mut rates, mut n, mut loss) = (Instant::now(), cpu_seconds(), vec![], 0, 0.0);
    while start.elapsed().as_secs_f64() < seconds {
        let t = Instant::now();
        for _ in 0..chunk {
            trainer.step(&data[n % 32], rate);
            n += 1;
        }
        loss = trainer.losses().pop().unwrap_or(f64::NAN);
        rates.push((chunk * batch * settings.steps) as f64 / t.elapsed().as_secs_f64());
    }
    let per_cpu_s = (n * batch * settings.steps) as f64 / (cpu_seconds() - cpu_before);
    let (median, best) = median_and_best(rates);
    let peak = peak_mb();
    let saved = match saves {
        true => {
            // What a checkpoint takes of the training's time; writing it goes on beside.
            let t = Instant::now();
            let mut state = Writer::with_room(state_bytes);
            trainer.save(&mut state);
            let ms = t.elapsed().as_secs_f64() * 1e3;
            format!("\"save_ms\": {ms:.1}, \"state_mb\": {}, ", state.finish().len() >> 20)
        }
        false => String::new(),
    };
    let flops = flops_per_event(&settings);
    let (gemm_median, gemm_best) = gemm_rate(&cpu, threads);
    println!(
        "{{\"events_per_s\": {median:.0}, \"events_per_cpu_s\": {per_cpu_s:.0}, \"best\": {best:.0}, \"ms_per_step\": {:.2}, \"peak_mb\": {peak}, \
         {saved}\
         \"loss\": {loss:.3}, \"isa\": \"{:?}\", \"threads\": {threads}, \"gemm_gflops\": {:.0}, \
         \"gemm_gflops_best\": {:.0}, \"step_gflops\": {:.0}, \"share_of_gemm\": {:.2}}}",
        (batch * settings.steps) as f64 / median * 1e3,
        cpu.isa(),
        gemm_median / 1e9,
        gemm_best / 1e9,
        median * flops / 1e9,
        median * flops / gemm_median,
    );
}

/// Floating-point operations per second of 1024³ products, one after the other on every thread.
fn gemm_rate(cpu: &Cpu, threads: usize) -> (f64, f64) {
    const N: usize = 1024;
    let (a, b) = (vec![0.5f32; N * N], vec![0.25f32; N * N]);
    let mut packed = Packed::default();
    packed.pack(&b, N, N, N);
    let mut rates = vec![];
    for _ in 0..9 {
        let t = Instant::now();
        cpu.each(threads, &|_| {
            let mut out = vec![0.0f32; N * N];
            let left = Left { data: &a, row: N, column: 1 };
            (0..4).for_each(|_| gemm(cpu.isa(), left, N, &packed, Start::Zero, &mut out, N));
            std::hint::black_box(&out);
        });
        rates.push((threads * 4 * 2 * N * N * N) as f64 / t.elapsed().as_secs_f64());
    }
    median_and_best(rates)
}

/// Processor time of this process so far, all threads together.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Peak resident memory, from the kernel; 0 where it does not say.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
