//! The methods of a path, each with what the document has to know of its handler: its name, where
//! its comment stands, and its answer's type.

use axum::handler::Handler;
use axum::routing::{self, MethodRouter};
use http::Method;
use schemars::{Schema, SchemaGenerator};

use super::answer::Described;
use super::{ApiError, State};

/// What [`axum::routing::MethodRouter`] is, and what it forgets.
#[derive(Debug, Clone, Default)]
pub(super) struct Methods {
    pub(super) router: MethodRouter<State>,
    pub(super) operations: Vec<Operation>,
}

/// Read by the test that writes the document.
#[derive(Debug, Clone)]
#[cfg_attr(not(test), expect(dead_code, reason = "nobody asks in service"))]
pub(super) struct Operation {
    pub(super) method: Method,
    /// The handler's path in the code, such as `tollgate::admin::groups::list`.
    pub(super) handler: &'static str,
    pub(super) contents: fn(&mut SchemaGenerator) -> Vec<(&'static str, Schema)>,
}

/// A handler whose type says what it answers.
pub(super) trait Answers<Arguments> {
    type Answer: Described;
}

pub(super) fn get<H, T, A>(handler: H) -> Methods
where
    H: Handler<T, State> + Answers<A>,
    T: 'static,
{
    Methods::default().get(handler)
}

pub(super) fn post<H, T, A>(handler: H) -> Methods
where
    H: Handler<T, State> + Answers<A>,
    T: 'static,
{
    Methods::default().post(handler)
}

pub(super) fn delete<H, T, A>(handler: H) -> Methods
where
    H: Handler<T, State> + Answers<A>,
    T: 'static,
{
    Methods::default().delete(handler)
}

impl Methods {
    pub(super) fn get<H, T, A>(self, handler: H) -> Self
    where
        H: Handler<T, State> + Answers<A>,
        T: 'static,
    {
        self.with::<H, A>(Method::GET, routing::get(handler))
    }

    pub(super) fn post<H, T, A>(self, handler: H) -> Self
    where
        H: Handler<T, State> + Answers<A>,
        T: 'static,
    {
        self.with::<H, A>(Method::POST, routing::post(handler))
    }

    pub(super) fn put<H, T, A>(self, handler: H) -> Self
    where
        H: Handler<T, State> + Answers<A>,
        T: 'static,
    {
        self.with::<H, A>(Method::PUT, routing::put(handler))
    }

    pub(super) fn delete<H, T, A>(self, handler: H) -> Self
    where
        H: Handler<T, State> + Answers<A>,
        T: 'static,
    {
        self.with::<H, A>(Method::DELETE, routing::delete(handler))
    }

    fn with<H: Answers<A>, A>(mut self, method: Method, router: MethodRouter<State>) -> Self {
        self.operations.push(Operation {
            method,
            handler: std::any::type_name::<H>(),
            contents: <H::Answer as Described>::contents,
        });
        Self {
            router: self.router.merge(router),
            ..self
        }
    }
}

macro_rules! answers {
    ($($argument:ident)*) => {
        impl<F, Fut, Answer, $($argument),*> Answers<($($argument,)*)> for F
        where
            F: Fn($($argument),*) -> Fut,
            Fut: Future<Output = Result<Answer, ApiError>>,
            Answer: Described,
        {
            type Answer = Answer;
        }
    };
}

answers!();
answers!(A);
answers!(A B);
answers!(A B C);
answers!(A B C D);
answers!(A B C D E);
