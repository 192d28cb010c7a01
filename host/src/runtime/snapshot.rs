//! From an instance back to a component: wizer says what to read of the instance, and writes the component that begins
//! with it. This is wizer's own way, without the parts of wasmtime that its feature of that name would bring.

use wasmtime::component::{Instance, Lift, WasmList};
use wasmtime::{Result, Store, error::Context as _, format_err};
use wasmtime_wizer::{ComponentContext, ComponentInstanceState, Wizer};

/// A component that is to be instantiated and read.
pub(super) struct Plan<'a> {
    wizer: Wizer,
    context: ComponentContext<'a>,
    instrumented: Vec<u8>,
}

impl<'a> Plan<'a> {
    /// What to do with the component.
    pub(super) fn of(component: &'a [u8]) -> Result<Plan<'a>> {
        let wizer = Wizer::new();
        let (context, instrumented) = wizer.instrument_component(component)?;
        Ok(Plan {
            wizer,
            context,
            instrumented,
        })
    }

    /// The component to instantiate: it exports its state.
    pub(super) fn instrumented(&self) -> &[u8] {
        &self.instrumented
    }

    /// The component that begins as the instance is now.
    pub(super) async fn take<T: Send>(&self, store: &mut Store<T>, instance: Instance) -> Result<Vec<u8>> {
        let mut state = Reader {
            store,
            instance,
            failure: None,
        };
        let component = self.wizer.snapshot_component(&self.context, &mut state).await;
        match state.failure {
            Some(failure) => Err(failure),
            None => component,
        }
    }
}

/// Reads an instance's state. wizer can't be told of a failure, so it is kept.
struct Reader<'a, T: 'static> {
    store: &'a mut Store<T>,
    instance: Instance,
    failure: Option<wasmtime::Error>,
}

impl<T: Send> Reader<'_, T> {
    async fn read<R: Lift + Send + Sync + 'static>(&mut self, instance: &str, function: &str) -> Result<R> {
        let missing = || format_err!("the instance does not export {instance}#{function}");
        let (_, exports) = self
            .instance
            .get_export(&mut *self.store, None, instance)
            .with_context(missing)?;
        let (_, function) = self
            .instance
            .get_export(&mut *self.store, Some(&exports), function)
            .with_context(missing)?;
        let function = self
            .instance
            .get_typed_func::<(), (R,)>(&mut *self.store, function)?;
        Ok(function.call_async(&mut *self.store, ()).await?.0)
    }

    async fn number<R: Lift + Send + Sync + Default + 'static>(
        &mut self,
        instance: &str,
        function: &str,
    ) -> R {
        self.read(instance, function).await.unwrap_or_else(|error| {
            self.failure.get_or_insert(error);
            R::default()
        })
    }
}

impl<T: Send> ComponentInstanceState for Reader<'_, T> {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        func: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        match self.read::<WasmList<u8>>(instance, func).await {
            Ok(list) => contents(list.as_le_slice(&*self.store)),
            Err(error) => {
                self.failure.get_or_insert(error);
                contents(&[]);
            }
        }
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.number(instance, func).await
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.number(instance, func).await
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.number::<f32>(instance, func).await.to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.number::<f64>(instance, func).await.to_bits()
    }
}
