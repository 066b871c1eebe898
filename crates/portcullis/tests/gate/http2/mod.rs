//! HTTP/2 with clients: the same answers as over HTTP/1.1, the same strict requests at instances, and every flood cut.

mod bounds;
mod client;
mod connections;
mod floods;
mod frames;
mod grpc;
mod grpc_web;
mod instances;
mod meaning;
mod programs;
mod requests;
mod translation;
