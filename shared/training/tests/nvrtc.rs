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
        let ptx = String::from_utf8(driver::compile(architecture).unwrap()).unwrap();
        for (kernel, bytes) in KERNELS {
            assert!(ptx.contains(&format!(".entry {kernel}(")), "{architecture} has no {kernel}");
            let parameter = format!("{kernel}_param_0[{bytes}]");
            assert!(ptx.contains(&parameter), "{architecture}: the struct of {kernel} has not {bytes} bytes");
        }
    }
    for architecture in ["sm_75", "sm_80", "sm_90"] {
        let code = driver::compile(architecture).unwrap();
        assert!(code.starts_with(b"\x7fELF"), "{architecture} has no machine code");
        for (kernel, _) in KERNELS {
            let name = format!(".text.{kernel}\0").into_bytes();
            assert!(code.windows(name.len()).any(|bytes| bytes == name), "{architecture} has no {kernel}");
        }
    }
    let why = driver::compile("sm_1").unwrap_err();
    assert!(why.what.starts_with("NVRTC cannot compile the kernels for sm_1: "), "{why}");
}
