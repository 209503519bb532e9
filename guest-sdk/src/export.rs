// SPDX-License-Identifier: Apache-2.0
//! From the interface's functions to a [`Rule`].

use std::cell::OnceCell;

use crate::{Decided, Description, Problem, Problems, Query, Reviewed, Row, Rule};

/// Makes a type that implements [`Rule`] the rule of this component. Once per crate.
#[rustfmt::skip] // it loses count of the indentation here
#[macro_export]
macro_rules! export {
    ($rule:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(
            unsafe_code,
            clippy::allow_attributes,
            reason = "exported functions have fixed names, which Rust counts as unsafe"
        )]
        const _: () = {
            ::std::thread_local! {
                static CONFIGURED: $crate::__Configured<$rule> = const { $crate::__Configured::new() };
            }

            struct Exported;

            impl $crate::__Guest for Exported {
                fn describe() -> $crate::Description {
                    <$rule as $crate::Rule>::describe().into()
                }
                fn configure(
                    settings: ::std::string::String,
                ) -> ::core::result::Result<(), ::std::vec::Vec<$crate::Problem>> {
                    CONFIGURED.with(|rule| rule.configure(&settings))
                }
                fn decide(query: $crate::Query) -> $crate::Decided {
                    CONFIGURED.with(|rule| rule.decide(&query))
                }
                fn review(query: $crate::Query, rows: ::std::vec::Vec<$crate::Row>) -> $crate::Reviewed {
                    CONFIGURED.with(|rule| rule.review(&query, &rows))
                }
            }

            // As the generated macro has it, but for `cabi_post_*`, which would free what was returned: the instance
            // is thrown away.
            #[unsafe(export_name = "paasla:rule/ruling@0.1.0#describe")]
            unsafe extern "C" fn describe() -> *mut u8 {
                // SAFETY: the host calls it as the interface says, here and below.
                unsafe { $crate::__ruling::_export_describe_cabi::<Exported>() }
            }
            #[unsafe(export_name = "paasla:rule/ruling@0.1.0#configure")]
            unsafe extern "C" fn configure(settings: *mut u8, length: usize) -> *mut u8 {
                unsafe { $crate::__ruling::_export_configure_cabi::<Exported>(settings, length) }
            }
            #[unsafe(export_name = "paasla:rule/ruling@0.1.0#decide")]
            unsafe extern "C" fn decide(query: *mut u8) -> *mut u8 {
                unsafe { $crate::__ruling::_export_decide_cabi::<Exported>(query) }
            }
            #[unsafe(export_name = "paasla:rule/ruling@0.1.0#review")]
            unsafe extern "C" fn review(query_and_rows: *mut u8) -> *mut u8 {
                unsafe { $crate::__ruling::_export_review_cabi::<Exported>(query_and_rows) }
            }
        };
    };
}

/// The place where a component keeps its configured rule.
#[doc(hidden)]
#[derive(Debug)]
pub struct Configured<R>(OnceCell<R>);

#[expect(clippy::expect_used, reason = "the host calls `configure` first; anything else must trap")]
impl<R: Rule> Configured<R> {
    /// Not configured yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(OnceCell::new())
    }

    /// Reads the settings and keeps the rule.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn configure(&self, settings: &str) -> Result<(), Vec<Problem>> {
        let rule = from_settings::<R>(settings)?;
        assert!(self.0.set(rule).is_ok(), "configured twice");
        Ok(())
    }

    /// See [`Rule::decide`].
    pub fn decide(&self, query: &Query) -> Decided {
        self.0.get().expect("decide before configure").decide(query)
    }

    /// See [`Rule::review`].
    pub fn review(&self, query: &Query, rows: &[Row]) -> Reviewed {
        self.0.get().expect("review before configure").review(query, rows)
    }

    /// See [`Rule::describe`].
    #[must_use]
    pub fn describe() -> Description {
        R::describe().into()
    }
}

impl<R: Rule> Default for Configured<R> {
    fn default() -> Self {
        Self::new()
    }
}

fn from_settings<R: Rule>(settings: &str) -> Result<R, Vec<Problem>> {
    let mut reader = serde_json::Deserializer::from_str(settings);
    let settings: R::Settings = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        vec![Problem { pointer, message: error.into_inner().to_string() }]
    })?;
    reader.end().map_err(|error| vec![Problem { pointer: String::new(), message: error.to_string() }])?;
    R::configure(settings).map_err(|problems: Problems| problems.into())
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
            Segment::Map { key } | Segment::Enum { variant: key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Unknown => {}
        }
    }
    pointer
}
