//! Jobs as executions of state machines.

use domain::Arn;
use domain::resource::Job;

use crate::clients::Aws;
use crate::config::{ConfigError, required};
use crate::signed::{Call, CallError, Service};

const STEP_FUNCTIONS: Service = Service { name: "states", variable: "SFN" };

/// The state machine of each kind of job.
#[derive(Clone, Debug)]
pub struct StateMachines {
    aws: Aws,
    /// ARNs of the state machines up to the name of the job.
    prefix: String,
}

/// An execution that could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the state machine {machine} for {resource}")]
pub struct StartError {
    /// ARN of the state machine.
    machine: String,
    /// What it was meant to work on.
    resource: Arn,
    /// What happened.
    #[source]
    cause: CallError,
}

impl StateMachines {
    /// Reads `STATE_MACHINE_PREFIX`, the state machines' ARNs up to `import`, `train`, `deploy`,
    /// `batch` and `delete`. Exports and data deletions go through `batch`.
    pub fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        Ok(Self { aws: aws.clone(), prefix: required("STATE_MACHINE_PREFIX")? })
    }

    /// Starts the job's state machine. Starting it twice is harmless: every step is.
    pub async fn start(&self, job: &Job) -> Result<(), StartError> {
        let kind = match job {
            Job::Import(_) => "import",
            Job::Train(_) => "train",
            Job::Deploy(_) => "deploy",
            Job::BatchInference(_) | Job::BatchSegment(_) | Job::Export(_) | Job::DataDeletion(_) => "batch",
            Job::Delete(_) => "delete",
        };
        let machine = format!("{}{kind}", self.prefix);
        // A person who looks for the execution of a resource finds it by name.
        let readable: String = job
            .arn()
            .tail()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(40)
            .collect();
        let body = serde_json::json!({
            "stateMachineArn": machine,
            "name": format!("{readable}-{}", uuid::Uuid::new_v4().simple()),
            "input": serde_json::json!({ "arn": job.arn() }).to_string(),
        });
        let call = Call {
            service: STEP_FUNCTIONS,
            path: "/",
            headers: &[
                ("content-type", "application/x-amz-json-1.0"),
                ("x-amz-target", "AWSStepFunctions.StartExecution"),
            ],
            body: body.to_string(),
        };
        let started = self.aws.caller().call(&call).await;
        started.map_err(|cause| StartError { machine, resource: job.arn().clone(), cause })?;
        Ok(())
    }
}
