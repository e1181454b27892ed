using System.Reflection;
using DurableGateway.Runs;
using DurableGateway.Storage;

namespace DurableGateway.Tests.Support;

/// <summary>A store whose calls a test intercepts, to delay them or make them fail.</summary>
#pragma warning disable CA1852 // The runtime derives the proxy from it.
internal class ObservedStore : DispatchProxy
#pragma warning restore CA1852
{
    private IRunStore _inner = null!;
    private Observer _observer = null!;

    /// <param name="method">The name of the method.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="call">Makes the call.</param>
    /// <returns>The task that the caller gets: that of the call, or another of the same type.</returns>
    internal delegate object? Observer(string method, object?[] arguments, Func<object?> call);

    /// <summary>For <see cref="GatewayHost"/>: the gateway's own store, observed.</summary>
    public static Action<WebApplicationBuilder> Of(Observer observer) => builder => builder.Services.AddSingleton(services =>
    {
        var store = Create<IRunStore, ObservedStore>();
        ((ObservedStore)(object)store)._inner = ActivatorUtilities.CreateInstance<RedisRunStore>(services);
        ((ObservedStore)(object)store)._observer = observer;
        return store;
    });

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
        _observer(targetMethod!.Name, args!,
            () => targetMethod.Invoke(_inner, BindingFlags.DoNotWrapExceptions, binder: null, args, culture: null));
}
