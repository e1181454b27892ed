namespace DurableGateway.Configuration;

/// <summary>There is nothing to proxy: neither <c>--upstream</c>, nor <c>--config</c>, nor a route.</summary>
internal sealed class NothingToProxyException() : Exception(StartOptions.Usage);
