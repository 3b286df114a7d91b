//! NVIDIA's driver, cuBLAS and NVRTC, found while the program runs.
//!
//! Nothing here has been run on a GPU by its authors yet. What could be was checked without one: the kernels
//! by the tests' host machine, their compilation by NVRTC, and what is said where something is missing.

use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use cudarc::driver::{CudaContext, CudaEvent, CudaFunction, CudaGraph, CudaStream, DriverError, result, sys};
use cudarc::{cublas, nvrtc};

use super::check::self_check;
use super::{Cuda, KERNELS, Machine, Product, SOURCE};

/// Folders, separated as in `PATH`, that are looked through for NVRTC and cuBLAS where the system has none.
pub const LIBRARIES: &str = "OSUSUME_CUDA_LIBRARIES";

/// Threads of a block; `BLOCK` of `kernels.cu`.
const THREADS: u32 = 256;
/// Blocks of a launch at most, for each multiprocessor.
const BLOCKS: u32 = 16;
/// Bytes that cuBLAS may work in; what NVIDIA recommends for Hopper.
const WORKSPACE: usize = 32 << 20;
/// What kernels can be compiled for, newest first.
const ARCHITECTURES: [(i32, i32); 5] = [(9, 0), (8, 9), (8, 6), (8, 0), (7, 5)];
/// Versions of CUDA whose libraries are looked for, newest first.
const VERSIONS: [u32; 2] = [13, 12];

/// What trainings share: the GPU and the compiled kernels.
struct Gpu {
    context: Arc<CudaContext>,
    functions: HashMap<&'static str, CudaFunction>,
    name: String,
    blocks: u32,
}

/// One queue on the GPU, with a cuBLAS of its own.
pub struct Driver {
    gpu: Arc<Gpu>,
    stream: Arc<CudaStream>,
    products: cublas::sys::cublasHandle_t,
    workspace: u64,
}

// SAFETY: a handle may be used by any thread, one at a time; `Cuda` holds a lock whenever it calls.
unsafe impl Send for Driver {}
unsafe impl Sync for Driver {}

/// Host memory that the GPU reads by itself.
pub struct Pinned {
    words: *mut u32,
    count: usize,
    fetched: CudaEvent,
}

// SAFETY: the memory is nobody else's.
unsafe impl Send for Pinned {}

/// A recorded queue.
pub struct Graph(CudaGraph);

// SAFETY: it is used by one thread at a time, through an exclusive borrow of its record.
unsafe impl Send for Graph {}

/// Why there is no CUDA device: what is missing, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}. {mend}")]
pub struct Missing {
    /// In a few words.
    pub what: String,
    /// A sentence.
    pub mend: String,
}

fn missing(what: impl Into<String>, mend: impl Into<String>) -> Missing {
    Missing { what: what.into(), mend: mend.into() }
}

/// The CUDA device on the first GPU, which is looked for, and checked against the CPU's numbers, once.
pub fn open() -> Result<Cuda<Driver>, Missing> {
    Driver::new(&checked()?).map(Cuda::new).map_err(no_room)
}

/// The name of the GPU that [`open`] would take.
pub fn name() -> Result<String, Missing> {
    checked().map(|gpu| gpu.name.clone())
}

fn no_room(why: String) -> Missing {
    missing(why, "Somebody else may have taken the GPU's memory; try again when it is free")
}

fn checked() -> Result<Arc<Gpu>, Missing> {
    static CHECKED: OnceLock<Result<Arc<Gpu>, Missing>> = OnceLock::new();
    let begun = || {
        let gpu = Gpu::find()?;
        let device = Cuda::new(Driver::new(&gpu).map_err(no_room)?);
        self_check(&device).map_err(|why| {
            missing(
                format!("{} does not compute what the CPU does ({why})", gpu.name),
                "Its driver and the CUDA libraries may not fit together",
            )
        })?;
        Ok(gpu)
    };
    CHECKED.get_or_init(begun).clone()
}

/// The kernels compiled, for a kind of GPU (`sm_90`) to its machine code, for that and all later ones
/// (`compute_90`) to PTX, which a GPU's driver compiles on.
pub fn compile(architecture: &str) -> Result<Vec<u8>, Missing> {
    if !nvrtc_is_there() {
        return Err(no_library("NVRTC", "nvrtc", "nvidia-cuda-nvrtc"));
    }
    Program::compiled(architecture).map_err(|why| {
        missing(
            format!("NVRTC cannot compile the kernels for {architecture}: {why}"),
            "Its version may not know the GPU; take a newer one",
        )
    })
}

/// What the kernels are compiled for where a GPU has this compute capability. Machine code needs no more of a
/// driver than that it knows the GPU; PTX needs one that is as new as NVRTC.
fn architecture((major, minor): (i32, i32)) -> Option<String> {
    let &(of, with) = ARCHITECTURES.iter().find(|&&known| known <= (major, minor))?;
    Some(format!("{}_{of}{with}", if of == major { "sm" } else { "compute" }))
}

/// NVRTC's own object, given back in the end.
struct Program(nvrtc::sys::nvrtcProgram);

impl Program {
    fn compiled(architecture: &str) -> Result<Vec<u8>, String> {
        let said = |error: nvrtc::result::NvrtcError| format!("{:?}", error.0);
        let source = CString::new(SOURCE).expect("kernels.cu holds no zero");
        let program = Self(nvrtc::result::create_program(&source, Some(c"kernels.cu")).map_err(said)?);
        let options = [format!("--gpu-architecture={architecture}"), "--std=c++17".to_owned()];
        let ptx = architecture.starts_with("compute");
        // SAFETY: the program is there until `drop`, and each answer has the size that NVRTC gave for it.
        unsafe {
            if let Err(error) = nvrtc::result::compile_program(program.0, &options) {
                let log = nvrtc::result::get_program_log(program.0).map_err(said)?;
                let log: Vec<u8> = log.into_iter().map(|c| c as u8).take_while(|&c| c != 0).collect();
                return Err(format!("{:?}: {}", error.0, String::from_utf8_lossy(&log)));
            }
            let mut size = 0;
            let asked = match ptx {
                true => nvrtc::sys::nvrtcGetPTXSize(program.0, &mut size),
                false => nvrtc::sys::nvrtcGetCUBINSize(program.0, &mut size),
            };
            asked.result().map_err(said)?;
            let mut code = vec![0u8; size];
            let got = match ptx {
                true => nvrtc::sys::nvrtcGetPTX(program.0, code.as_mut_ptr().cast()),
                false => nvrtc::sys::nvrtcGetCUBIN(program.0, code.as_mut_ptr().cast()),
            };
            got.result().map_err(said)?;
            Ok(code)
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: nothing uses it any more.
        let _ = unsafe { nvrtc::result::destroy_program(self.0) };
    }
}

/// Whether NVRTC can be loaded.
pub fn nvrtc_is_there() -> bool {
    // SAFETY: loading the library runs its initialisers, which is what it is for.
    unsafe { nvrtc::sys::is_culib_present() || load("nvrtc") && nvrtc::sys::is_culib_present() }
}

fn no_library(what: &str, library: &str, package: &str) -> Missing {
    let names: Vec<String> = VERSIONS.iter().map(|version| format!("lib{library}.so.{version}")).collect();
    missing(
        format!("{what} is not there ({} was not found)", names.join(" or ")),
        format!(
            "Install the libraries of CUDA 12 or 13, or the Python package {package} and name the folder of \
             its library in {LIBRARIES}"
        ),
    )
}

/// Loads a library from the named folders, for good; whoever asks for it by its name then gets it.
fn load(name: &str) -> bool {
    let named = std::env::var_os(LIBRARIES).unwrap_or_default();
    let folders = std::env::split_paths(&named).chain([PathBuf::from("/usr/local/cuda/lib64")]);
    for folder in folders.filter(|folder| !folder.as_os_str().is_empty()) {
        for version in VERSIONS {
            // SAFETY: as above.
            let library = unsafe { libloading::Library::new(folder.join(format!("lib{name}.so.{version}"))) };
            if let Ok(library) = library {
                std::mem::forget(library);
                return true;
            }
        }
    }
    false
}

fn said(what: &'static str) -> impl Fn(DriverError) -> String {
    move |error| match error.error_string() {
        Ok(words) => format!("{what}: {} ({:?})", words.to_string_lossy(), error.0),
        Err(_) => format!("{what}: {:?}", error.0),
    }
}

impl Gpu {
    fn find() -> Result<Arc<Self>, Missing> {
        // SAFETY: as above.
        if !unsafe { sys::is_culib_present() } {
            return Err(missing(
                "there is no NVIDIA driver (libcuda.so.1 was not found)",
                "Install the GPU's driver; a container gets it from its host, by the NVIDIA container toolkit",
            ));
        }
        let fails = |what: &'static str| {
            move |error| missing(said(what)(error), "See what nvidia-smi says about the GPU and its driver")
        };
        let context = CudaContext::new(0).map_err(fails("the NVIDIA driver gives no GPU"))?;
        let name = context.name().map_err(fails("the GPU has no name"))?;
        let capability =
            context.compute_capability().map_err(fails("the GPU does not say what it can do"))?;
        let architecture = architecture(capability).ok_or_else(|| {
            missing(
                format!("{name} is too old: its compute capability is {}.{}", capability.0, capability.1),
                "Take a GPU with 7.5 or more",
            )
        })?;
        let kernels = nvrtc::Ptx::from_binary(compile(&architecture)?);
        // SAFETY: as above.
        if !unsafe { cublas::sys::is_culib_present() || load("cublas") && cublas::sys::is_culib_present() } {
            return Err(no_library("cuBLAS", "cublas", "nvidia-cublas"));
        }
        let module = context.load_module(kernels).map_err(|error| {
            missing(
                said("the driver does not take the kernels")(error),
                "It may be older than NVRTC; update it",
            )
        })?;
        let mut functions = HashMap::new();
        for &(kernel, _) in KERNELS {
            functions.insert(kernel, module.load_function(kernel).map_err(fails("a kernel is missing"))?);
        }
        let processors = context
            .attribute(sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
            .map_err(fails("the GPU does not say how many processors it has"))?;
        let blocks = BLOCKS * processors.max(1) as u32;
        Ok(Arc::new(Self { context, functions, name, blocks }))
    }
}

impl Driver {
    fn new(gpu: &Arc<Gpu>) -> Result<Self, String> {
        // Captures and the default stream do not go together.
        let stream = gpu.context.new_stream().map_err(said("the GPU gives no queue"))?;
        let blas = |error: cublas::result::CublasError| format!("cuBLAS does not start: {:?}", error.0);
        let products = cublas::result::create_handle().map_err(blas)?;
        let mut driver = Self { gpu: gpu.clone(), stream, products, workspace: 0 };
        // The workspace is ours, because cuBLAS cannot get one while work is recorded.
        driver.workspace = driver.allocate(WORKSPACE)?;
        // SAFETY: handle, queue and workspace live until `drop`.
        unsafe {
            cublas::result::set_stream(products, driver.stream.cu_stream() as _).map_err(blas)?;
            cublas::sys::cublasSetWorkspace_v2(products, driver.workspace as *mut c_void, WORKSPACE)
                .result()
                .map_err(blas)?;
        }
        Ok(driver)
    }

    fn bind(&self) -> Result<(), String> {
        self.gpu.context.bind_to_thread().map_err(said("the GPU does not answer"))
    }

    fn wait(&self) -> Result<(), String> {
        self.stream.synchronize().map_err(said("the work on the GPU failed"))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.bind().and_then(|()| self.wait());
        // SAFETY: nothing uses them any more. What goes wrong here harms nobody.
        let _ = unsafe { cublas::result::destroy_handle(self.products) };
        self.free(self.workspace);
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let _ = self.fetched.synchronize();
        // SAFETY: it was allocated so, and nobody fetches from it any more.
        let _ = unsafe { result::free_host(self.words.cast()) };
    }
}

impl Machine for Driver {
    type Pinned = Pinned;
    type Graph = Graph;

    fn name(&self) -> &str {
        &self.gpu.name
    }

    fn threads(&self) -> u32 {
        THREADS
    }

    fn blocks(&self) -> u32 {
        self.gpu.blocks
    }

    fn allocate(&self, bytes: usize) -> Result<u64, String> {
        self.bind()?;
        // SAFETY: the memory is zeroed before anything that is asked for later, on the only queue that uses it.
        unsafe {
            let address = result::malloc_sync(bytes).map_err(|error| {
                format!("{} MB of its memory: {}", bytes.div_ceil(1 << 20), said("not given")(error))
            })?;
            result::memset_d8_async(address, 0, bytes, self.stream.cu_stream())
                .map_err(said("zeroing memory"))?;
            Ok(address)
        }
    }

    fn free(&self, address: u64) {
        if self.bind().is_ok() && address != 0 {
            // SAFETY: it came from `allocate`; the driver waits for what is under way.
            let _ = unsafe { result::free_sync(address) };
        }
    }

    fn pinned(&self, words: usize) -> Result<Pinned, String> {
        self.bind()?;
        let fetched = self.gpu.context.new_event(None).map_err(said("no event"))?;
        // SAFETY: the words are set below, before anybody reads them.
        let memory = unsafe { result::malloc_host(4 * words, 0) }.map_err(said("no pinned memory"))?;
        // SAFETY: it has so many bytes.
        unsafe { memory.cast::<u8>().write_bytes(0, 4 * words) };
        Ok(Pinned { words: memory.cast(), count: words, fetched })
    }

    fn words<'a>(&self, pinned: &'a mut Pinned) -> Result<&'a mut [u32], String> {
        pinned.fetched.synchronize().map_err(said("a transfer to the GPU failed"))?;
        // SAFETY: it has so many words, and nobody fetches them now.
        Ok(unsafe { std::slice::from_raw_parts_mut(pinned.words, pinned.count) })
    }

    fn upload(&self, pinned: &mut Pinned, words: usize, to: u64) -> Result<(), String> {
        self.bind()?;
        assert!(words <= pinned.count);
        // SAFETY: the words stay as they are until the event has come, for which `words` waits.
        unsafe {
            let from = std::slice::from_raw_parts(pinned.words, words);
            result::memcpy_htod_async(to, from, self.stream.cu_stream())
                .map_err(said("a transfer to the GPU"))?;
        }
        pinned.fetched.record(&self.stream).map_err(said("a transfer to the GPU"))
    }

    fn write(&self, to: u64, words: &[u32]) -> Result<(), String> {
        self.bind()?;
        // SAFETY: the words are there until the wait is over.
        unsafe { result::memcpy_htod_async(to, words, self.stream.cu_stream()) }
            .map_err(said("a transfer to the GPU"))?;
        self.wait()
    }

    fn read(&self, from: u64, words: &mut [u32]) -> Result<(), String> {
        self.bind()?;
        // SAFETY: as above.
        unsafe { result::memcpy_dtoh_async(words, from, self.stream.cu_stream()) }
            .map_err(said("a transfer from the GPU"))?;
        self.wait()
    }

    fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<(), String> {
        self.bind()?;
        // SAFETY: `Cuda` holds both pieces of memory.
        unsafe { result::memcpy_dtod_async(to, from, bytes, self.stream.cu_stream()) }.map_err(said("a copy"))
    }

    fn zero(&self, at: u64, bytes: usize) -> Result<(), String> {
        self.bind()?;
        // SAFETY: as above.
        unsafe { result::memset_d8_async(at, 0, bytes, self.stream.cu_stream()) }
            .map_err(said("zeroing memory"))
    }

    fn launch(&self, kernel: &'static str, arguments: &[u8], blocks: u32) -> Result<(), String> {
        self.bind()?;
        let function = self.gpu.functions[kernel].cu_function();
        // The driver copies the struct; it knows its size from the kernel.
        let mut parameters = [arguments.as_ptr().cast_mut().cast::<c_void>()];
        let (grid, block) = ((blocks, 1, 1), (THREADS, 1, 1));
        // SAFETY: `Cuda` holds the memory that the struct names, which tests hold against the kernels.
        unsafe { result::launch_kernel(function, grid, block, 0, self.stream.cu_stream(), &mut parameters) }
            .map_err(said(kernel))
    }

    fn product(&self, p: &Product) -> Result<(), String> {
        self.bind()?;
        let turned = |transposed| match transposed {
            false => cublas::sys::cublasOperation_t::CUBLAS_OP_N,
            true => cublas::sys::cublasOperation_t::CUBLAS_OP_T,
        };
        let (one, beta) = (1.0f32, if p.onto { 1.0f32 } else { 0.0 });
        let float = cublas::sys::cudaDataType::CUDA_R_32F;
        // cuBLAS goes by columns, so it sees every matrix transposed: outᵀ = bᵀ · aᵀ. Factors are rounded to
        // TF32, sums are made in 32 bits, and the weights stay what they are.
        // SAFETY: `Cuda` holds the memory, whose size follows from the shapes.
        unsafe {
            cublas::result::gemm_ex(
                self.products,
                turned(p.b_transposed),
                turned(p.a_transposed),
                p.columns as i32,
                p.rows as i32,
                p.depth as i32,
                (&raw const one).cast(),
                p.b as *const c_void,
                float,
                p.b_stride as i32,
                p.a as *const c_void,
                float,
                p.a_stride as i32,
                (&raw const beta).cast(),
                p.out as *mut c_void,
                float,
                p.out_stride as i32,
                cublas::sys::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32,
                cublas::sys::cublasGemmAlgo_t::CUBLAS_GEMM_DFALT,
            )
        }
        .map_err(|error| format!("a product: {:?}", error.0))
    }

    fn record(&self, work: &mut dyn FnMut()) -> Result<Graph, String> {
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        self.stream.begin_capture(mode).map_err(said("recording does not begin"))?;
        work();
        let graph = self.stream.end_capture(sys::CUgraphInstantiate_flags(0)).map_err(said("recording"))?;
        let graph = graph.ok_or("nothing was recorded")?;
        graph.upload().map_err(said("recording"))?;
        Ok(Graph(graph))
    }

    fn replay(&self, graph: &Graph) -> Result<(), String> {
        graph.0.launch().map_err(said("recorded work"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_gets_code_of_its_own_kind_and_a_newer_one_what_its_driver_compiles_on() {
        let kinds = [(7, 0), (7, 5), (8, 0), (8, 7), (8, 9), (9, 0), (10, 0), (12, 1)];
        let code = kinds.map(|capability| architecture(capability).unwrap_or_default());
        let expected = ["", "sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "compute_90", "compute_90"];
        assert_eq!(code, expected);
    }
}
