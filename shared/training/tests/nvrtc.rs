//! The kernels through NVIDIA's compiler, which needs no GPU: `OSUSUME_CUDA_LIBRARIES` may name its folder.
#![cfg(feature = "cuda")]

use training::cuda::{KERNELS, driver};

#[test]
fn the_kernels_compile_for_the_oldest_and_the_newest_gpus() {
    if !driver::nvrtc_is_there() {
        use std::io::Write;
        let why = driver::compile("compute_90").unwrap_err();
        assert!(why.what.starts_with("NVRTC is not there"), "{why}");
        assert!(std::env::var_os("OSUSUME_GPU").is_none(), "THE KERNELS WERE NOT COMPILED: {why}");
        let _ = writeln!(std::io::stderr(), "SKIPPED: the kernels were not compiled: {why}");
        return;
    }
    for architecture in ["compute_75", "compute_80", "compute_90"] {
        let ptx = driver::compile(architecture).unwrap().to_src();
        for (kernel, bytes) in KERNELS {
            assert!(ptx.contains(&format!(".entry {kernel}(")), "{architecture} has no {kernel}");
            let parameter = format!("{kernel}_param_0[{bytes}]");
            assert!(ptx.contains(&parameter), "{architecture}: the struct of {kernel} has not {bytes} bytes");
        }
    }
}
