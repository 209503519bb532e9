// SPDX-License-Identifier: Apache-2.0
//! From the interface's functions to a [`Rule`].

use std::{cell::OnceCell, sync::Arc};

use crate::{
    Decided, Description, Problem, Problems, Query, Register, Reviewed, Row, Rule, Setup,
    bindings::exports::paasla::rule::ruling as raw, settings,
};

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
                    register: $crate::__ruling::Register,
                ) -> ::core::result::Result<
                    ::std::vec::Vec<$crate::__ruling::Reason>,
                    ::std::vec::Vec<$crate::Problem>,
                > {
                    CONFIGURED.with(|rule| rule.configure(&settings, &register))
                }
                fn decide(query: $crate::__ruling::Query) -> $crate::Decided {
                    CONFIGURED.with(|rule| rule.decide(query))
                }
                fn review(
                    query: $crate::__ruling::Query,
                    rows: ::std::vec::Vec<$crate::Row>,
                ) -> $crate::Reviewed {
                    CONFIGURED.with(|rule| rule.review(query, &rows))
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
            unsafe extern "C" fn configure(
                settings: *mut u8,
                length: usize,
                fields: *mut u8,
                field_count: usize,
                facts: *mut u8,
                fact_count: usize,
            ) -> *mut u8 {
                unsafe {
                    let told = __configure(settings, length, fields, field_count, facts, fact_count);
                    $crate::__tidy();
                    told
                }
            }
            // By itself, so that nothing of it is left on the stack when that is made tidy.
            #[inline(never)]
            unsafe fn __configure(
                settings: *mut u8,
                length: usize,
                fields: *mut u8,
                field_count: usize,
                facts: *mut u8,
                fact_count: usize,
            ) -> *mut u8 {
                unsafe {
                    $crate::__ruling::_export_configure_cabi::<Exported>(
                        settings, length, fields, field_count, facts, fact_count,
                    )
                }
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

/// Leaves a memory for rulings to begin from, once the rule is configured.
///
/// # Safety
/// Nobody may hold anything that was reserved for `configure`, but what it returned, and the rule.
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
#[expect(unsafe_code, reason = "the arena cannot know who holds what")]
pub unsafe fn tidy() {
    // SAFETY: as above.
    #[cfg(feature = "arena")]
    unsafe {
        crate::arena::tidy();
    };
    tidy_stack();
}

/// What calls left on the stack, below its end, is zeros again.
#[cfg(target_arch = "wasm32")]
#[inline(never)]
fn tidy_stack() {
    /// Half of the stack that `paasla rule build` gives a rule.
    const BYTES: usize = 8 << 10;
    core::hint::black_box(&mut [0_u8; BYTES]);
}

/// The place where a component keeps its configured rule.
#[doc(hidden)]
#[derive(Debug)]
pub struct Configured<R>(OnceCell<(R, Arc<Register>)>);

#[expect(clippy::expect_used, reason = "the host calls `configure` first; anything else must trap")]
impl<R: Rule> Configured<R> {
    /// Not configured yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(OnceCell::new())
    }

    /// Reads the settings, keeps the rule and what it needs of the register, and tells the reasons it declares.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn configure(&self, settings: &str, told: &raw::Register) -> Result<Vec<raw::Reason>, Vec<Problem>> {
        let (rule, register, reasons) = from_settings::<R>(settings, told)?;
        assert!(self.0.set((rule, register)).is_ok(), "configured twice");
        #[cfg(all(target_arch = "wasm32", feature = "arena"))]
        crate::arena::configured();
        Ok(reasons)
    }

    /// See [`Rule::decide`].
    pub fn decide(&self, query: raw::Query) -> Decided {
        let (rule, register) = self.0.get().expect("decide before configure");
        rule.decide(&Query::new(query, Arc::clone(register)))
    }

    /// See [`Rule::review`].
    pub fn review(&self, query: raw::Query, rows: &[Row]) -> Reviewed {
        let (rule, register) = self.0.get().expect("review before configure");
        rule.review(&Query::new(query, Arc::clone(register)), rows)
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

/// A configured rule, the register that it was told, and the reasons that it declared.
type FromSettings<R> = (R, Arc<Register>, Vec<raw::Reason>);

fn from_settings<R: Rule>(settings: &str, told: &raw::Register) -> Result<FromSettings<R>, Vec<Problem>> {
    settings::check_members(settings).map_err(|problem| vec![problem])?;
    // A rule holds nothing of the text: its settings are `DeserializeOwned`.
    #[cfg(all(target_arch = "wasm32", feature = "arena"))]
    crate::arena::keep();
    let settings: R::Settings = settings::read(settings).map_err(|problem| vec![problem])?;
    let register = Arc::new(Register::new(told));
    let mut setup = Setup::new(&register);
    let rule = R::configure(settings, &mut setup).map_err(|problems: Problems| Vec::from(problems))?;
    let reasons = setup.declared();
    Ok((rule, register, reasons))
}
