//! The compiler, the encoder and the models against the kernel, with real packets between network namespaces.

mod administration;
mod agreement;
mod answers;
mod borders;
mod errors;
mod flows;
mod kernel;
mod limits;
mod live;
mod local;
mod nat;
mod place;
mod policies;
mod replacing;
mod seen;
mod text;
mod trial;
