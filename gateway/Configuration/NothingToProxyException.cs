namespace DurableGateway.Configuration;

/// <summary>There is nothing to proxy: no <c>--upstream</c>, no <c>--config</c>, and no routes.</summary>
internal sealed class NothingToProxyException() : Exception(StartOptions.Usage);
