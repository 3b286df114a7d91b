//! A machine for the CUDA device that is none: its kernels, built by the C compiler, on threads of the host.
//!
//! `KERNELS_CFLAGS` is passed on to the compiler, for sanitizers.

use std::collections::HashMap;
use std::ffi::{CString, c_char, c_int, c_void};
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use training::cuda::{KERNELS, Machine, Product};

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

type Run = unsafe extern "C" fn(*const c_void);
type Launch = unsafe extern "C" fn(Run, *const c_void, u32, u32) -> c_int;

struct Library {
    launch: Launch,
    kernels: HashMap<&'static str, (Run, usize)>,
}

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/host/launch.c");
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kernels-{}.so", std::process::id()));
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let built = Command::new(&compiler)
            .args([
                "-std=gnu11",
                "-O2",
                "-g",
                "-Wall",
                "-Wno-unused-function",
                "-Werror",
                "-shared",
                "-fPIC",
                "-pthread",
            ])
            .args(std::env::var("KERNELS_CFLAGS").unwrap_or_default().split_whitespace())
            .args([Path::new("-o"), &file, &source, Path::new("-lm")])
            .output()
            .unwrap_or_else(|error| panic!("these tests need a C compiler; {compiler}: {error}"));
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let path = CString::new(file.to_str().expect("a path in UTF-8")).expect("no zero");
        const NOW: c_int = 2;
        // SAFETY: plain calls of the C library.
        let handle = unsafe { dlopen(path.as_ptr(), NOW) };
        assert!(!handle.is_null(), "cannot load {}", file.display());
        std::fs::remove_file(&file).expect("the file is ours");
        let symbol = |name: &str| {
            let text = CString::new(name).expect("no zero");
            // SAFETY: as above.
            let symbol = unsafe { dlsym(handle, text.as_ptr()) };
            assert!(!symbol.is_null(), "the library has no {name}");
            symbol
        };
        let kernel = |&(name, _): &(&'static str, usize)| {
            // SAFETY: shim.h defines both for each kernel, with these types.
            let run = unsafe { std::mem::transmute::<*mut c_void, Run>(symbol(&format!("run_{name}"))) };
            let size = unsafe { *symbol(&format!("size_{name}")).cast::<u32>() };
            (name, (run, size as usize))
        };
        // SAFETY: launch.c defines it so.
        let launch = unsafe { std::mem::transmute::<*mut c_void, Launch>(symbol("launch")) };
        Library { launch, kernels: KERNELS.iter().map(kernel).collect() }
    })
}

/// The bytes that a kernel's struct has in C.
pub fn size_in_c(kernel: &str) -> usize {
    library().kernels[kernel].1
}

/// What is wrong with a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Products are too large.
    Products,
    /// Products are no numbers.
    NoNumbers,
    /// What was recorded is not all done again.
    Replays,
    /// Tables are not updated.
    Optimiser,
    /// Kernels do not run.
    Launches,
    /// Nothing is recorded.
    Records,
}

/// Threads as blocks.
pub struct Host {
    fault: Option<Fault>,
    threads: u32,
    blocks: u32,
    pieces: Mutex<HashMap<u64, Box<[u64]>>>,
    recording: Mutex<Option<Vec<Call>>>,
}

#[derive(Clone)]
pub enum Call {
    Launch(&'static str, Vec<u64>, u32),
    Product(Product),
    Copy(u64, u64, usize),
    Zero(u64, usize),
}

impl Host {
    pub fn new(threads: u32, blocks: u32) -> Self {
        Self { fault: None, threads, blocks, pieces: Mutex::default(), recording: Mutex::default() }
    }

    /// The same machine with a fault.
    pub fn with(self, fault: Fault) -> Self {
        Self { fault: Some(fault), ..self }
    }

    /// The memory at an address, which must be of one piece.
    fn within(&self, address: u64, bytes: usize) -> *mut u8 {
        let pieces = self.pieces.lock().unwrap();
        let whole = pieces.iter().any(|(&start, piece)| {
            start <= address && address + bytes as u64 <= start + 8 * piece.len() as u64
        });
        assert!(whole, "{bytes} bytes at {address:x} are of no piece of memory");
        address as *mut u8
    }

    fn call(&self, call: Call) -> Result<(), String> {
        let mut recording = self.recording.lock().unwrap();
        match &mut *recording {
            Some(calls) => calls.push(call),
            None => self.carry_out(&call),
        }
        Ok(())
    }

    fn carry_out(&self, call: &Call) {
        match call {
            Call::Launch(kernel, arguments, blocks) => {
                if self.fault == Some(Fault::Optimiser) && *kernel == "sparse_step" {
                    return;
                }
                let (run, _) = library().kernels[kernel];
                // SAFETY: the struct has the size that C has; addresses are of memory that is alive.
                let failed =
                    unsafe { (library().launch)(run, arguments.as_ptr().cast(), *blocks, self.threads) };
                assert_eq!(failed, 0, "{kernel}");
            }
            Call::Product(product) => self.multiply(product),
            &Call::Copy(from, to, bytes) => {
                // SAFETY: both were looked up, and do not overlap by contract.
                unsafe {
                    std::ptr::copy_nonoverlapping(self.within(from, bytes), self.within(to, bytes), bytes)
                }
            }
            &Call::Zero(at, bytes) => unsafe { self.within(at, bytes).write_bytes(0, bytes) },
        }
    }

    /// By the definition, in doubles.
    fn multiply(&self, p: &Product) {
        let floats = |address: u64, rows: usize, columns: usize, stride: usize| {
            let len = (rows - 1) * stride + columns;
            let start = self.within(address, 4 * len);
            // SAFETY: it was looked up, and nothing else runs.
            unsafe { std::slice::from_raw_parts(start.cast::<f32>(), len) }
        };
        let turned = |turned: bool, rows: usize, columns: usize| {
            if turned { (columns, rows) } else { (rows, columns) }
        };
        let (rows, columns) = turned(p.a_transposed, p.rows, p.depth);
        let a = floats(p.a, rows, columns, p.a_stride);
        let (rows, columns) = turned(p.b_transposed, p.depth, p.columns);
        let b = floats(p.b, rows, columns, p.b_stride);
        let at = |turned: bool, stride: usize, i: usize, j: usize| {
            if turned { j * stride + i } else { i * stride + j }
        };
        let first = self.within(p.out, 4 * ((p.rows - 1) * p.out_stride + p.columns)).cast::<f32>();
        for i in 0..p.rows {
            for j in 0..p.columns {
                // SAFETY: the last of them was looked up.
                let out = unsafe { first.add(i * p.out_stride + j) };
                // SAFETY: it was looked up.
                let mut sum = if p.onto { f64::from(unsafe { *out }) } else { 0.0 };
                for k in 0..p.depth {
                    sum += f64::from(a[at(p.a_transposed, p.a_stride, i, k)])
                        * f64::from(b[at(p.b_transposed, p.b_stride, k, j)]);
                }
                match self.fault {
                    Some(Fault::Products) => sum *= 1.2,
                    Some(Fault::NoNumbers) => sum = f64::NAN,
                    _ => {}
                }
                unsafe { *out = sum as f32 };
            }
        }
    }
}

impl Machine for Host {
    type Pinned = Vec<u32>;
    type Graph = Vec<Call>;

    fn name(&self) -> &str {
        "threads of this machine"
    }

    fn threads(&self) -> u32 {
        self.threads
    }

    fn blocks(&self) -> u32 {
        self.blocks
    }

    fn allocate(&self, bytes: usize) -> Result<u64, String> {
        let piece = vec![0u64; bytes.div_ceil(8)].into_boxed_slice();
        let address = piece.as_ptr() as u64;
        self.pieces.lock().unwrap().insert(address, piece);
        Ok(address)
    }

    fn free(&self, address: u64) {
        assert!(self.pieces.lock().unwrap().remove(&address).is_some(), "freed twice");
    }

    fn pinned(&self, words: usize) -> Result<Vec<u32>, String> {
        Ok(vec![0; words])
    }

    fn words<'a>(&self, pinned: &'a mut Vec<u32>) -> Result<&'a mut [u32], String> {
        Ok(pinned)
    }

    fn upload(&self, pinned: &mut Vec<u32>, words: usize, to: u64) -> Result<(), String> {
        self.write(to, &pinned[..words])
    }

    fn write(&self, to: u64, words: &[u32]) -> Result<(), String> {
        assert!(self.recording.lock().unwrap().is_none(), "a transfer was recorded");
        // SAFETY: it was looked up.
        unsafe {
            std::ptr::copy_nonoverlapping(
                words.as_ptr(),
                self.within(to, 4 * words.len()).cast(),
                words.len(),
            )
        };
        Ok(())
    }

    fn read(&self, from: u64, words: &mut [u32]) -> Result<(), String> {
        assert!(self.recording.lock().unwrap().is_none(), "a transfer was recorded");
        let from = self.within(from, 4 * words.len());
        // SAFETY: it was looked up.
        unsafe { std::ptr::copy_nonoverlapping(from.cast(), words.as_mut_ptr(), words.len()) };
        Ok(())
    }

    fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<(), String> {
        self.call(Call::Copy(from, to, bytes))
    }

    fn zero(&self, at: u64, bytes: usize) -> Result<(), String> {
        self.call(Call::Zero(at, bytes))
    }

    fn launch(&self, kernel: &'static str, arguments: &[u8], blocks: u32) -> Result<(), String> {
        assert_eq!(arguments.len(), size_in_c(kernel), "{kernel}");
        assert!((1..=self.blocks).contains(&blocks), "{kernel}");
        if self.fault == Some(Fault::Launches) {
            return Err("a launch was refused".to_owned());
        }
        let words = arguments.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap()));
        self.call(Call::Launch(kernel, words.collect(), blocks))
    }

    fn product(&self, product: &Product) -> Result<(), String> {
        self.call(Call::Product(*product))
    }

    fn record(&self, work: &mut dyn FnMut()) -> Result<Vec<Call>, String> {
        if self.fault == Some(Fault::Records) {
            return Err("nothing is recorded".to_owned());
        }
        *self.recording.lock().unwrap() = Some(vec![]);
        work();
        Ok(self.recording.lock().unwrap().take().expect("nobody else records"))
    }

    fn replay(&self, graph: &Vec<Call>) -> Result<(), String> {
        let done = if self.fault == Some(Fault::Replays) { graph.len() / 2 } else { graph.len() };
        graph[..done].iter().for_each(|call| self.carry_out(call));
        Ok(())
    }
}
