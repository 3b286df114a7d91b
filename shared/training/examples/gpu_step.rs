//! The training step timed alone on a GPU, and cuBLAS's own rate beside it; prints one JSON line.
//!
//! `cargo run --release -p training --features cuda --example gpu_step -- [--emb 256] [--hidden 256]
//! [--batch 512] [--bptt 32] [--items 100000] [--neg 4096] [--opt adagrad|adam] [--seconds 6] [--chunk 10]
//! [--tied] [--dropout 0.0] [--logits-mb 512]`
//!
//! The sizes of `torch_step.py --device cuda --hidden 256 --emb 256 --batch 512 --items 100000 --neg 4096`, and
//! its way of timing: chunks of steps, each waited for. `host_ms` is what this side does for a step, beside the GPU.

mod support;

use std::time::Instant;

use support::{flops_per_event, median_and_best, option, step, window};
use training::cuda::{Cuda, Machine, Product, driver};
use training::random::Random;
use training::trainer::HostWeights;
use training::windows::Window;
use training::{Settings, Trainer};

fn main() {
    let (settings, rate) = step(1, option("--batch", 512), 100_000, 256, 4096);
    let started = Instant::now();
    let device = match driver::open() {
        Ok(device) => device.with_logits_bytes(option("--logits-mb", 512usize) << 20),
        Err(why) => {
            eprintln!("there is nothing to measure: {why}");
            std::process::exit(1);
        }
    };
    let open_s = started.elapsed().as_secs_f64();
    let (gemm, logits_gemm) = (gemm_rate(&device, [4096; 3]), gemm_rate(&device, logits_shape(&settings)));

    let mut random = Random::new(0);
    let weights =
        HostWeights::random(&settings.shape, settings.shape.hidden, settings.deviation, &mut random);
    let data: Vec<[Window; 1]> = (0..32).map(|_| [window(&settings, &mut random)]).collect();
    let mut trainer = Trainer::new(&device, settings.clone(), &weights, &vec![1.0; settings.shape.items]);
    drop(weights);
    for windows in &data[..10] {
        trainer.step(windows, rate);
    }
    trainer.losses();

    let (chunk, seconds): (usize, f64) = (option("--chunk", 10), option("--seconds", 6.0));
    let (start, mut rates, mut host, mut n, mut loss) = (Instant::now(), vec![], vec![], 0, 0.0);
    let (transfers, events) = (device.transfers(), settings.steps * settings.lanes);
    while start.elapsed().as_secs_f64() < seconds {
        let t = Instant::now();
        for _ in 0..chunk {
            trainer.step(&data[n % 32], rate);
            n += 1;
        }
        // Transfers that are under way bound how far this side runs ahead, so only short chunks tell.
        host.push(t.elapsed().as_secs_f64() * 1e3 / chunk as f64);
        loss = trainer.losses().pop().unwrap_or(f64::NAN);
        rates.push((chunk * events) as f64 / t.elapsed().as_secs_f64());
    }
    trainer.check().expect("the GPU goes on to the end");
    let transfers = (device.transfers() - transfers) as f64 / n as f64;
    let (median, best) = median_and_best(rates);
    let flops = flops_per_event(&settings);
    println!(
        "{{\"gpu\": {:?}, \"events_per_s\": {median:.0}, \"best\": {best:.0}, \"ms_per_step\": {:.3}, \"host_ms\": {:.3}, \
         \"loss\": {loss:.3}, \"gemm_tflops\": {:.1}, \"logits_gemm_tflops\": {:.1}, \"step_tflops\": {:.1}, \
         \"share_of_gemm\": {:.3}, \"replays\": {}, \"unrecorded\": {:?}, \"transfers_per_step\": {transfers:.2}, \
         \"open_s\": {open_s:.2}}}",
        device.machine().name(),
        events as f64 / median * 1e3,
        median_and_best(host).0,
        gemm / 1e12,
        logits_gemm / 1e12,
        median * flops / 1e12,
        median * flops / gemm,
        device.replays(),
        device.unrecorded().unwrap_or_default(),
    );
}

fn logits_shape(settings: &Settings) -> [usize; 3] {
    [settings.steps * settings.lanes, settings.negatives, settings.shape.query()]
}

/// Floating-point operations per second of rows × columns × depth products, as steps ask for them.
fn gemm_rate<M: Machine>(device: &Cuda<M>, [rows, columns, depth]: [usize; 3]) -> f64 {
    let machine = device.machine();
    let mut random = Random::new(3);
    // Random numbers: with zeros a GPU takes less power, and clocks higher.
    let mut matrix = |floats: usize| {
        let words: Vec<u32> = (0..floats).map(|_| (random.uniform() as f32 - 0.5).to_bits()).collect();
        let address = machine.allocate(4 * floats).expect("the GPU has memory");
        machine.write(address, &words).expect("the GPU takes numbers");
        address
    };
    let (a, b, out) = (matrix(rows * depth), matrix(depth * columns), matrix(rows * columns));
    let product = Product {
        rows,
        columns,
        depth,
        a,
        a_stride: depth,
        a_transposed: false,
        b,
        b_stride: columns,
        b_transposed: false,
        out,
        out_stride: columns,
        onto: false,
    };
    let mut rates = vec![];
    for _ in 0..9 {
        const TIMES: usize = 20;
        let t = Instant::now();
        (0..TIMES).for_each(|_| machine.product(&product).expect("the GPU multiplies"));
        machine.read(out, &mut [0]).expect("the GPU answers");
        rates.push((TIMES * 2 * rows * columns * depth) as f64 / t.elapsed().as_secs_f64());
    }
    [a, b, out].into_iter().for_each(|address| machine.free(address));
    median_and_best(rates).0
}
