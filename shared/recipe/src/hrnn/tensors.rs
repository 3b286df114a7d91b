//! The model as named tensors of 32-bit floats, and back.

use ndarray::{Array1, Array2};

use super::features::GAP_CLASSES;
use super::metadata::{Fields, Sides};
use super::model::HrnnModel;

/// A named tensor: row after row.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name in the file.
    pub name: &'static str,
    /// Rows and columns, or one length.
    pub shape: Vec<usize>,
    /// The floats.
    pub values: Vec<f32>,
}

/// Why tensors are not a model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TensorError {
    /// One is not there.
    #[error("there is no tensor named {0}")]
    Missing(&'static str),
    /// One does not fit to the others.
    #[error("tensor {name} has shape {found:?}, the others want {expected:?}")]
    Shape {
        /// Its name.
        name: &'static str,
        /// What it is.
        found: Vec<usize>,
        /// What it has to be.
        expected: Vec<usize>,
    },
    /// One holds something that is no weight.
    #[error("tensor {0} holds a value that is not finite")]
    NotFinite(&'static str),
}

impl HrnnModel {
    /// All weights, in a fixed order.
    pub fn to_tensors(&self) -> Vec<Tensor> {
        let matrix = |name, values: &Array2<f32>| Tensor {
            name,
            shape: values.shape().to_vec(),
            values: values.iter().copied().collect(),
        };
        let vector =
            |name, values: &Array1<f32>| Tensor { name, shape: vec![values.len()], values: values.to_vec() };
        let mut tensors = vec![
            matrix("items", &self.items),
            vector("bias", &self.bias),
            vector("prior", &self.prior),
            matrix("gaps", &self.gaps),
            matrix("gru.input", &self.input),
            vector("gru.input_bias", &self.input_bias),
            matrix("gru.recurrent", &self.recurrent),
            vector("gru.recurrent_bias", &self.recurrent_bias),
            matrix("query.state", &self.project),
            vector("query.bias", &self.project_bias),
            matrix("query.last", &self.last),
            matrix("query.average", &self.average),
            Tensor { name: "query.average_rate", shape: vec![1], values: vec![self.average_rate] },
        ];
        tensors.extend(self.tilt.as_ref().map(|tilt| vector(TILT, tilt)));
        tensors
    }

    /// A model from its tensors: `get` gives shape and floats of a name.
    ///
    /// Fails when one is missing, has another shape than the others want, or is not finite.
    pub fn from_tensors(get: impl Fn(&str) -> Option<(Vec<usize>, Vec<f32>)>) -> Result<Self, TensorError> {
        let fetch = |name: &'static str| get(name).ok_or(TensorError::Missing(name));
        let (items, _) = fetch("items")?;
        let (recurrent, _) = fetch("gru.recurrent")?;
        let &[v, e] = items.as_slice() else {
            return Err(TensorError::Shape { name: "items", found: items, expected: vec![0, 0] });
        };
        let h = recurrent.first().copied().unwrap_or(0);
        let take = |name: &'static str, expected: &[usize]| {
            let (found, values) = fetch(name)?;
            if found != expected || values.len() != expected.iter().product::<usize>() {
                return Err(TensorError::Shape { name, found, expected: expected.to_vec() });
            }
            match values.iter().all(|value| value.is_finite()) {
                true => Ok(values),
                false => Err(TensorError::NotFinite(name)),
            }
        };
        let matrix = |name, rows, columns| {
            let values = take(name, &[rows, columns])?;
            Ok(Array2::from_shape_vec((rows, columns), values).expect("the length was checked"))
        };
        let vector = |name, len| take(name, &[len]).map(Array1::from_vec);
        Ok(Self {
            items: matrix("items", v, e)?,
            bias: vector("bias", v)?,
            prior: vector("prior", v)?,
            gaps: matrix("gaps", GAP_CLASSES, e)?,
            input: matrix("gru.input", e, 3 * h)?,
            input_bias: vector("gru.input_bias", 3 * h)?,
            recurrent: matrix("gru.recurrent", h, 3 * h)?,
            recurrent_bias: vector("gru.recurrent_bias", 3 * h)?,
            project: matrix("query.state", h, e)?,
            project_bias: vector("query.bias", e)?,
            last: matrix("query.last", e, e)?,
            average: matrix("query.average", e, e)?,
            average_rate: take("query.average_rate", &[1])?[0],
            tilt: get(TILT).map(|_| vector(TILT, v)).transpose()?,
            sides: None,
        })
    }
}

/// Name of the tensor of an objective beside relevance.
const TILT: &str = "objective";

/// Names of the tensors of metadata.
const SIDES: [&str; 4] = ["metadata.items", "metadata.users", "metadata.events", "metadata.requests"];

impl HrnnModel {
    /// The rows of metadata; none without it.
    pub fn side_tensors(&self) -> Vec<Tensor> {
        let Some(sides) = &self.sides else { return vec![] };
        let matrices = [&sides.item_rows, &sides.user_rows, &sides.event_rows, &sides.request_rows];
        let tensor = |(name, values): (&'static str, &Array2<f32>)| Tensor {
            name,
            shape: values.shape().to_vec(),
            values: values.iter().copied().collect(),
        };
        SIDES.into_iter().zip(matrices).map(tensor).collect()
    }
}

impl Sides {
    /// Metadata from its fields and tensors, rows of `embedding` floats.
    ///
    /// Fails as [`HrnnModel::from_tensors`] does.
    pub fn from_tensors(
        items: Fields,
        users: Fields,
        events: Fields,
        embedding: usize,
        get: impl Fn(&str) -> Option<(Vec<usize>, Vec<f32>)>,
    ) -> Result<Self, TensorError> {
        let matrix = |name: &'static str, rows: usize| {
            let (found, values) = get(name).ok_or(TensorError::Missing(name))?;
            let expected = vec![rows, embedding];
            if found != expected || values.len() != rows * embedding {
                return Err(TensorError::Shape { name, found, expected });
            }
            if !values.iter().all(|value| value.is_finite()) {
                return Err(TensorError::NotFinite(name));
            }
            Ok(Array2::from_shape_vec((rows, embedding), values).expect("the length was checked"))
        };
        Ok(Self {
            item_rows: matrix(SIDES[0], items.rows())?,
            user_rows: matrix(SIDES[1], users.rows())?,
            event_rows: matrix(SIDES[2], events.rows())?,
            request_rows: matrix(SIDES[3], events.rows())?,
            items,
            users,
            events,
        })
    }
}
