//! Which device trains: as asked for, or the best that is there.

use std::fmt;
use std::str::FromStr;

use crate::cpu::Cpu;
#[cfg(feature = "cuda")]
use crate::cuda::{Cuda, driver};
use crate::device::DeviceError;

/// What was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A GPU where there is one that can be used, else the CPU.
    Auto,
    /// The cores of this machine. The default, as long as nobody has seen the GPU's part at work.
    #[default]
    Cpu,
    /// An NVIDIA GPU.
    Cuda,
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            other => Err(DeviceError(format!("there is no device {other:?}; use auto, cpu or cuda"))),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        })
    }
}

/// A device that trains. Whoever trains writes the training once, for any [`crate::device::Device`].
pub enum Chosen {
    /// The cores of this machine.
    Cpu(Cpu),
    /// A GPU.
    #[cfg(feature = "cuda")]
    Cuda(Box<Cuda<driver::Driver>>),
}

impl DeviceChoice {
    /// The device. `threads` are those of the CPU.
    ///
    /// Fails where [`DeviceChoice::Cuda`] cannot be had, with what is missing and how to mend it. The GPU is
    /// looked for, and checked against the CPU, once for a process.
    pub fn open(self, threads: usize) -> Result<Chosen, DeviceError> {
        let cpu = || Chosen::Cpu(Cpu::new(threads));
        match self {
            Self::Cpu => Ok(cpu()),
            #[cfg(feature = "cuda")]
            Self::Cuda => driver::open().map(|gpu| Chosen::Cuda(Box::new(gpu))).map_err(refused),
            #[cfg(feature = "cuda")]
            Self::Auto => Ok(driver::open().map_or_else(|_| cpu(), |gpu| Chosen::Cuda(Box::new(gpu)))),
            #[cfg(not(feature = "cuda"))]
            Self::Cuda => self.explain().map(|_| cpu()),
            #[cfg(not(feature = "cuda"))]
            Self::Auto => Ok(cpu()),
        }
    }

    /// In one line where [`DeviceChoice::open`] would train, and why. Fails as that does.
    pub fn explain(self) -> Result<String, DeviceError> {
        if self == Self::Cpu {
            return Ok("trains on the CPU".to_owned());
        }
        #[cfg(feature = "cuda")]
        return match (driver::name(), self) {
            (Ok(name), _) => Ok(format!("trains on the GPU, {name}")),
            (Err(why), Self::Cuda) => Err(refused(why)),
            (Err(why), _) => Ok(format!("trains on the CPU: {}", why.what)),
        };
        #[cfg(not(feature = "cuda"))]
        match self {
            Self::Cuda => Err(refused("this program was built without CUDA")),
            _ => Ok("trains on the CPU: this program was built without CUDA".to_owned()),
        }
    }
}

fn refused(why: impl fmt::Display) -> DeviceError {
    DeviceError(format!("the device cuda cannot be had: {why}; or train with --device cpu"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_and_written_alike_and_the_cpu_is_always_there() {
        for choice in [DeviceChoice::Auto, DeviceChoice::Cpu, DeviceChoice::Cuda] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        let error = "gpu".parse::<DeviceChoice>().unwrap_err().to_string();
        assert_eq!(error, "there is no device \"gpu\"; use auto, cpu or cuda");
        assert!(matches!(DeviceChoice::Cpu.open(1), Ok(Chosen::Cpu(_))));
        assert_eq!(DeviceChoice::Cpu.explain().unwrap(), "trains on the CPU");
        // With or without a GPU, and a line for either; and what is refused says how to go on.
        let line = DeviceChoice::Auto.explain().unwrap();
        assert!(DeviceChoice::Auto.open(1).is_ok());
        match DeviceChoice::Cuda.explain() {
            Ok(same) => assert_eq!(same, line),
            Err(why) => {
                assert!(line.starts_with("trains on the CPU: "), "{line}");
                assert!(why.to_string().ends_with("; or train with --device cpu"), "{why}");
                assert_eq!(DeviceChoice::Cuda.open(1).err(), Some(why));
            }
        }
    }
}
