using System.Net;

namespace DurableGateway.Listeners;

/// <summary>A listener's address, taken apart.</summary>
internal readonly record struct BindingAddressParts(IPAddress? Address, bool IsLocalhost, int Port);
